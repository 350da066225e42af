// One who works: a worker, or, where no worker can start, this thread itself. What is lost of it is said to whoever hired it.

import type { Frame } from '../protocol'
import { ALL, type Answer, type Counted, type Load, type Message, type Task, URGENCY } from './messages'

// A worker as it is made, or an end of a channel whose other end is served on this thread.
export interface Hand {
  postMessage(message: Message): void
  onmessage: ((event: MessageEvent) => void) | null
  onmessageerror?: ((event: MessageEvent) => void) | null
  onerror?: ((event: ErrorEvent) => void) | null
  terminate(): void
}
// The other end of the channel is served on this thread.
export function handOf(port: MessagePort): Hand {
  const end: Message = { end: true }
  return Object.assign(port as unknown as Hand, { terminate: () => (port.postMessage(end), port.close()) })
}

export type Hire = () => Hand | Promise<Hand>

export interface Client {
  hear(job: Job, said: Said): void
  next(urgency: number): Task | null // what it wants done that nobody waits for
  lost(job: Job): void // what was done of it came to nothing
  cannot(why: string): void // nothing can be done at all
}

export interface Job extends Task {
  id: number
  client: Client
  over: boolean // given up: nothing of it is told any more
}

export type Said = { share: number } | { frame: Frame } | { counted: Counted }
type Heard = Exclude<Answer, { ready: true } | { unread: true }>
export interface Listener {
  hear(member: Member, answer: Heard): void
  ready(member: Member): void
  lost(member: Member, jobs: Job[]): void
}

const START_MS = 3000 // in which a worker says that it runs
const SILENT_MS = 30_000 // that a piece of work may take
const MOST_LOSSES = 4 // in a row
const DEAF_MS = 1000 // in which it hears that something is not wanted any more

export class Member {
  readonly jobs = new Map<number, Job>()
  ready = false
  losses = 0 // since something was last heard of it, beside that it is ready
  private begun = false // it has been ready before
  private hand: Hand | null = null
  private number = 0 // of the hand: what an earlier one still says is not heard
  private heardAt = 0
  private held = ALL

  constructor(
    private hire: Hire,
    private readonly load: Promise<Load>,
    private readonly listener: Listener,
  ) {
    void this.start()
  }

  give(job: Job) {
    if (this.jobs.size === 0) this.heardAt = performance.now()
    this.jobs.set(job.id, job)
    this.say(job)
  }

  giveUp(job: Job) {
    job.over = true
    this.hand?.postMessage({ cancel: job.id })
  }

  // Nothing less urgent is worked on until it is said again.
  only(urgency: number) {
    this.heardAt = performance.now()
    this.held = urgency
    this.hand?.postMessage({ only: urgency })
  }

  // Whether another one like it may do better.
  get mayWork() {
    return this.begun && this.losses < MOST_LOSSES
  }

  // Whether it has said nothing for longer than it may.
  get hangs(): boolean {
    const jobs = [...this.jobs.values()].filter(({ kind, over }) => over || URGENCY[kind] <= this.held)
    const silent = performance.now() - this.heardAt
    return jobs.length > 0 && silent > (jobs.some(({ over }) => over) ? DEAF_MS : SILENT_MS)
  }

  async start(hire = this.hire, within = START_MS) {
    this.close()
    this.hire = hire
    const number = this.number
    const lose = () => void (number === this.number && this.lose())
    setTimeout(() => this.ready || lose(), within)
    try {
      const hand = await Promise.resolve().then(hire)
      if (number !== this.number) return hand.terminate()
      this.hand = hand
      hand.onerror = hand.onmessageerror = lose
      hand.onmessage = ({ data }: MessageEvent<Answer>) => number === this.number && this.hear(data)
      this.jobs.forEach((job) => this.say(job))
      void this.load.then(
        (load) => number === this.number && hand.postMessage(load),
        () => {}, // whoever hired it knows
      )
    } catch {
      lose()
    }
  }

  private say({ id, kind, fields, more }: Job) {
    this.hand?.postMessage({ id, kind, fields, more })
  }

  close() {
    this.number++
    this.ready = false
    this.held = ALL
    this.hand?.terminate()
    this.hand = null
  }

  lose() {
    this.losses++
    this.close()
    const jobs = [...this.jobs.values()]
    this.jobs.clear()
    this.listener.lost(this, jobs)
  }

  private hear(answer: Answer) {
    this.heardAt = performance.now()
    if ('unread' in answer) this.lose()
    else if ('ready' in answer) {
      this.ready = this.begun = true
      this.listener.ready(this)
    } else {
      this.losses = 0
      this.listener.hear(this, answer)
    }
  }
}
