// What is asked, and which answer belongs to what.

import type { Asked, AskKind, Asks, Fields, Frame, ProblemsFrame } from '../protocol'
import type { Transport } from '../transport/transport'

type Wait = (frame: Frame) => void

export class Requests {
  busy = $state(false)
  delay = $state(0) // milliseconds from the last change to its picture

  private id = 0
  private inFlight = 0 // the request whose picture is awaited
  private wanted = false
  private since = 0
  private waiting: Record<number, Wait> = {}

  constructor(
    private transport: Transport,
    private fields: () => Fields,
  ) {}

  // One at a time: what changes meanwhile is asked for together, as soon as the picture is there.
  show() {
    this.busy = true
    this.wanted = this.inFlight > 0
    if (this.wanted) return
    this.inFlight = ++this.id
    this.since = performance.now()
    this.transport.ask({ ask: 'show', id: this.inFlight, fields: { ...this.fields() } })
  }

  // One of the runs that are there.
  showRun(run: number) {
    this.transport.ask({ ask: 'show', id: ++this.id, fields: {}, run })
  }

  ask<Kind extends AskKind>(ask: Kind, more?: Asks[Kind]['more']): Promise<Asks[Kind]['answer'] | ProblemsFrame> {
    const asked: Asked = { ask, id: ++this.id, fields: { ...this.fields() }, more }
    return new Promise((resolve) => {
      this.waiting[asked.id] = resolve as Wait
      this.transport.ask(asked)
    })
  }

  // Whether somebody waited for this frame alone; he has it now.
  deliver(frame: Frame): boolean {
    if (!(frame.id in this.waiting)) return false
    this.waiting[frame.id](frame)
    delete this.waiting[frame.id]
    return true
  }

  // The picture is there, or why there is none.
  shown(id: number) {
    if (id < this.inFlight) return
    this.delay = performance.now() - this.since
    this.inFlight = 0
    this.busy = this.wanted
    if (this.wanted) this.show()
  }

  forget() {
    this.inFlight = 0
  }
}
