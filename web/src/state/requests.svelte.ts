// What is asked, and which answer belongs to what.

import type { Asked, AskKind, Asks, Door, Fields, Frame, ProblemsFrame, Progress } from '../protocol'

interface Wait {
  kind: AskKind
  take: (frame: Frame) => void
  tell?: (progress: Progress['values']) => void
}

export class Requests {
  busy = $state(false)
  delay = $state(0) // milliseconds from the last change to its picture

  private id = 0
  private wanted = 0 // the request whose picture is awaited
  private since: Record<number, number> = {} // when each was asked for, until its picture is there
  private waiting: Record<number, Wait> = {}

  constructor(
    readonly door: Door,
    private fields: () => Fields,
  ) {}

  // The settings as they are; returns the number of the request. Whoever answers leaves out what is no longer wanted.
  show(): number {
    this.busy = true
    this.wanted = ++this.id
    this.since[this.wanted] = performance.now()
    this.door.ask({ ask: 'show', id: this.wanted, fields: { ...this.fields() } })
    return this.wanted
  }

  // What is trained for the picture is given up.
  stop() {
    this.door.ask({ ask: 'stop', id: this.wanted, fields: {} })
  }

  // tell: is told how far it is, where it takes a while
  ask<Kind extends AskKind>(ask: Kind, more?: Asks[Kind]['more'], tell?: Wait['tell']): Promise<Asks[Kind]['answer'] | ProblemsFrame> {
    const asked: Asked = { ask, id: ++this.id, fields: { ...this.fields() }, more }
    return new Promise((resolve) => {
      this.waiting[asked.id] = { kind: ask, take: resolve as Wait['take'], tell }
      this.door.ask(asked)
    })
  }

  // What was asked for is not wanted any more: nothing comes of it.
  giveUp(kind: AskKind) {
    for (const [id, wait] of Object.entries(this.waiting)) {
      if (wait.kind !== kind) continue
      delete this.waiting[Number(id)]
      this.door.ask({ ask: 'stop', id: Number(id), fields: {} })
    }
  }

  // Whether somebody waited for this frame alone; he has it now.
  deliver(frame: Frame): boolean {
    if (!(frame.id in this.waiting)) return false
    const { take, tell } = this.waiting[frame.id]
    if (frame.kind === 'progress') tell?.(frame.values)
    else {
      delete this.waiting[frame.id]
      take(frame)
    }
    return true
  }

  // A picture is there, or why there is none.
  shown(id: number) {
    this.delay = id in this.since ? performance.now() - this.since[id] : 0
    for (const earlier of Object.keys(this.since)) if (Number(earlier) <= id) delete this.since[Number(earlier)]
    this.busy = id < this.wanted
  }

  forget() {
    this.busy = false
  }
}
