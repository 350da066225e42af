// Workers with a kernel each, shared by everything on a page that trains. The first one does what a hand waits for or asked for, and
// keeps the runs that it has trained; all of them do the rest, a portion at a time, where no hand waits for anything.

import type { Task } from './messages'
import { ALL, type Answer, AT_HAND, type Load, URGENCY } from './messages'
import { type Client, type Hire, type Job, type Listener, Member } from './member'

const LOOK_MS = 250
export const PATIENCE_MS = 60_000 // in which this thread begins where no worker did, as on a phone that is busy with something else
export const TRIES = 2 // of a piece of work whose worker dies

export interface Place {
  worker: Hire // where one can start
  here: Hire // this thread, in slices
  workers: number
}

export class Crew implements Listener {
  private readonly clients = new Set<Client>()
  private why = '' // nothing can be done here
  private members: Member[]
  private last = 0
  private held = ALL
  private alone = false // no worker can start: this thread does everything
  private readonly watch: ReturnType<typeof setInterval>

  constructor(
    private readonly place: Place,
    load: Promise<Load>,
  ) {
    this.members = Array.from({ length: place.workers }, () => new Member(place.worker, load, this))
    this.watch = setInterval(() => this.members.filter(({ hangs }) => hangs).forEach((member) => this.end(member)), LOOK_MS)
    load.catch(() => this.cannot('This browser cannot train, as it has no WebAssembly: what was recorded can be read.'))
  }

  // What takes so long would take so long again; but not what waited for a worker that did not hear.
  private end(member: Member) {
    const jobs = [...member.jobs.values()]
    if (!jobs.some(({ over }) => over)) jobs.forEach((job) => (job.tries = TRIES))
    member.lose()
  }

  get workers() {
    return this.members.length
  }

  close() {
    clearInterval(this.watch)
    this.members.forEach((member) => member.close())
  }

  join(client: Client) {
    this.clients.add(client)
    if (this.why) client.cannot(this.why)
  }

  private cannot(why: string) {
    this.why = why
    this.clients.forEach((client) => client.cannot(why))
  }

  // To be done by whoever keeps what is shown.
  give(client: Client, task: Task): Job {
    const job: Job = { ...task, id: ++this.last, client, over: false }
    this.members[0].give(job)
    this.handOut()
    return job
  }

  giveUp(client: Client, ...kinds: Task['kind'][]) {
    const unwanted = (job: Job) => job.client === client && kinds.includes(job.kind) && !job.over
    for (const member of this.members) [...member.jobs.values()].filter(unwanted).forEach((job) => member.giveUp(job))
    this.handOut()
  }

  giveUpJob(job: Job) {
    this.members.find(({ jobs }) => jobs.has(job.id))?.giveUp(job)
  }

  leave(client: Client) {
    this.clients.delete(client)
    this.giveUp(client, ...(Object.keys(URGENCY) as Task['kind'][]))
  }

  // A portion of what nobody waits for goes to everybody who has none, while no hand waits.
  handOut() {
    const jobs = this.members.flatMap(({ jobs }) => [...jobs.values()].filter(({ over }) => !over))
    const only = jobs.some(({ kind }) => URGENCY[kind] === 0) ? AT_HAND : ALL
    if (only !== this.held) this.members.forEach((member) => member.only(only))
    this.held = only
    if (only !== ALL) return
    for (const member of this.members) {
      const busy = [...member.jobs.values()].some(({ kind, over }) => URGENCY[kind] > AT_HAND && !over)
      const job = member.ready && !busy && this.next()
      if (job) member.give(job)
    }
  }

  private next(): Job | undefined {
    for (let urgency = AT_HAND + 1; urgency <= Math.max(...Object.values(URGENCY)); urgency++) {
      for (const client of this.clients) {
        const task = client.next(urgency)
        if (!task) continue
        this.clients.delete(client) // the others are before it next time
        this.clients.add(client)
        return { ...task, id: ++this.last, client, over: false }
      }
    }
  }

  hear(member: Member, answer: Exclude<Answer, { ready: true } | { unread: true }>) {
    const job = member.jobs.get(answer.id)
    if (!job) return
    if ('ended' in answer) member.jobs.delete(job.id)
    else if (!job.over) job.client.hear(job, answer)
    this.handOut()
  }

  ready() {
    this.handOut()
  }

  // A member that died is replaced; one that never was there is done without, and the first one is this thread then.
  lost(member: Member, jobs: Job[]) {
    const first = member === this.members[0]
    if (member.mayWork) void member.start()
    else if (!first) this.members = this.members.filter((other) => other !== member)
    else if (this.alone) return this.cannot('This browser lets nothing be trained in this page: what was recorded can be read.')
    else {
      this.alone = true
      void member.start(this.place.here, PATIENCE_MS)
    }
    this.held = ALL // as far as the new one knows
    for (const job of jobs.filter(({ over }) => !over)) {
      job.tries = (job.tries ?? 0) + 1
      if (URGENCY[job.kind] <= AT_HAND && job.tries < TRIES) this.members[0].give(job)
      else job.client.lost(job)
    }
    this.handOut()
  }
}
