// Runs are trained and measured, one after the other, by the workers that the lab has.

import { inView } from '../desk/place'
import { sentences } from '../problems'
import type { Door, Fields, Frame, Listener, Quantities } from '../protocol'
import type { Facts } from './missing'

const TRIES = 3

export class Measuring implements Listener {
  private readonly door: Door = inView(false)(this)
  private readonly waiting = new Map<number, (frame: Frame) => void>()
  private last: Promise<unknown> = Promise.resolve()
  private id = 0

  constructor(private readonly quantities: Quantities) {}

  // What is known of a run; a sentence where it cannot be trained.
  facts(fields: Fields): Promise<Facts | string> {
    const found = this.last.then(() => this.ask(fields))
    this.last = found
    return found
  }

  // On a busy machine a worker may be given up that would have answered.
  private async ask(fields: Fields): Promise<Facts | string> {
    let found = await this.once(fields)
    for (let tries = 1; typeof found === 'string' && tries < TRIES; tries++) found = await this.once(fields)
    return found
  }

  private async once(fields: Fields): Promise<Facts | string> {
    const id = ++this.id
    const frame = await new Promise<Frame>((take) => {
      this.waiting.set(id, take)
      this.door.ask({ ask: 'measured', id, fields: { ...fields }, more: this.quantities })
    })
    if (frame.kind === 'problems') return sentences(frame.values.problems)
    return frame.kind === 'measured' ? frame.values : 'This run was not measured.'
  }

  take(frame: Frame) {
    if (frame.kind === 'hello' || frame.kind === 'progress') return
    this.waiting.get(frame.id)?.(frame)
    this.waiting.delete(frame.id)
  }

  cannot() {
    // the lab says it
  }
}
