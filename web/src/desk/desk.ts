// Who answers the page, in the page. The latest wish wins: what it replaces is given up. The run that a hand waits for comes first,
// then its reasons, then what was asked for, then many seeds, then head sizes.

import type { Asked, Door, Frame, Listener } from '../protocol'
import { type Crew, TRIES } from './crew'
import type { Client, Job, Said } from './member'
import { AT_HAND, type Kind, type Task, type Unit, URGENCY } from './messages'
import { hello } from './hello'
import { keysOf, type Plan, SeedsPlan, SizesPlan } from './plans'

const SOON_MS = 60 // a picture that is there so soon is waited for, and not given up for a newer one
const TELL_MS = 300 // what takes longer says how far it is

interface Given {
  job: Job
  answer: number
  at: number
  share: number
}

export class Desk implements Door, Client {
  private joined: Crew | null = null
  private wish: Asked | null = null // the settings that are wanted
  private given: Given | null = null // the picture that is worked on
  private after: Given | null = null // the one after it: whoever works begins it without asking
  private readonly answers = new Map<Kind, number>() // the requests that others are of
  private readonly since = new Map<Kind, number>() // when they were asked for
  private plans: Plan[] = []
  private done: Record<string, string> = {} // by kind of plan, the settings of what has come or is under way

  constructor(
    private readonly listener: Listener,
    private readonly crewOf: () => Crew,
    private readonly rounds: readonly Unit[][], // of head sizes; none: they are not tried
    private readonly seeds: 'at once' | 'later' | 'never' = 'at once', // later: as soon as they are others than those of the first wish
  ) {
    queueMicrotask(() => listener.take(hello))
  }

  close() {
    this.joined?.leave(this)
  }

  // Whoever works is there at the first wish.
  private get crew() {
    if (!this.joined) {
      this.joined = this.crewOf()
      this.joined.join(this)
    }
    return this.joined
  }

  cannot(why: string) {
    this.listener.cannot(why)
  }

  ask(asked: Asked) {
    if (asked.ask === 'show') this.show(asked)
    else if (asked.ask === 'stop') this.stop(asked.id)
    else this.want({ kind: asked.ask, fields: asked.fields, more: asked.more }, asked.id)
  }

  // What is wanted

  private show(asked: Asked) {
    const [keys, before] = [keysOf(asked.fields), this.wish && keysOf(this.wish.fields)]
    if (!this.wish && this.seeds === 'later') this.done.seeds = keys.seeds
    this.wish = asked
    if (before && before.picture !== keys.picture) this.crew.giveUp(this, 'why', 'trial', 'minimal')
    for (const kind of ['seeds', 'sizes'] as const) if (this.done[kind] !== keys[kind]) this.drop(kind)
    for (const plan of this.plans) plan.answer = asked.id // what it is for is wanted still
    this.giveUpAfter()
    if (this.given && keysOf(this.given.job.fields).picture === keys.picture) this.given.answer = asked.id
    else if (!this.given || restOf(this.given) > SOON_MS) this.train()
    else {
      this.after = this.begun()
      setTimeout(() => this.lookAgain(), SOON_MS) // whoever works on it may say nothing until then
    }
  }

  private giveUpAfter() {
    if (this.after) this.crew.giveUpJob(this.after.job)
    this.after = null
  }

  private lookAgain() {
    const { given, wish } = this
    if (given && wish!.id !== given.answer && restOf(given) > SOON_MS) this.train()
  }

  private train() {
    this.crew.giveUp(this, 'picture')
    this.after = null
    this.workOn(this.begun())
  }

  private begun(): Given {
    const { fields, id } = this.wish!
    return { job: this.crew.give(this, { kind: 'picture', fields }), answer: id, at: performance.now(), share: 0 }
  }

  private workOn(given: Given) {
    this.given = given
    setTimeout(() => this.given === given && this.tellShare(given, given.answer), TELL_MS + 1) // a step may take longer
  }

  // The training of the run that is wanted is given up, or what else was asked for and takes long.
  private stop(id: number) {
    if (this.answers.get('minimal') === id) return this.crew.giveUp(this, 'minimal')
    this.crew.giveUp(this, 'picture')
    this.given = this.after = null
    if (this.wish) this.tell(problem('The training was given up: change something to train again.'), this.wish.id)
  }

  private want(task: Task, answer: number): Job {
    this.crew.giveUp(this, task.kind)
    this.answers.set(task.kind, answer)
    this.since.set(task.kind, performance.now())
    return this.crew.give(this, task)
  }

  private drop(kind: Plan['kind']) {
    delete this.done[kind]
    this.plans = this.plans.filter((plan) => plan.kind !== kind)
    this.crew.giveUp(this, ...(kind === 'seeds' ? (['seeds'] as const) : (['sizes', 'counts'] as const)))
  }

  // What has come

  hear(job: Job, said: Said) {
    if ('share' in said) this.hearShare(job, said.share)
    else if (URGENCY[job.kind] > AT_HAND) this.hearPortion(job, said)
    else if ('frame' in said) this.hearFrame(job, said.frame)
  }

  private hearShare(job: Job, share: number) {
    const { given, wish } = this
    if (job.kind === 'minimal') return this.tellShare({ at: this.since.get(job.kind)!, share }, this.answers.get(job.kind)!)
    if (given?.job !== job) return
    given.share = share
    if (wish!.id !== given.answer && restOf(given) > SOON_MS) return this.train()
    this.tellShare(given, given.answer)
  }

  private tellShare(of: { at: number; share: number }, answer: number) {
    const values = { share: of.share, seconds: restOf(of) / 1000 }
    if (performance.now() - of.at > TELL_MS) this.tell({ kind: 'progress', id: 0, values, arrays: {} }, answer)
  }

  private hearFrame(job: Job, frame: Frame) {
    const { given, after, wish } = this
    if (given?.job !== job) return this.tell(frame, this.answers.get(job.kind)!)
    const now = performance.now()
    this.given = this.after = null
    if (after) this.workOn({ ...after, at: now })
    if (wish!.id !== given.answer) {
      if (!after) this.train()
    } else if (frame.kind === 'picture') this.goOn(wish!)
    this.tell(frame, given.answer)
  }

  // Reasons follow a picture, and then what it shares with others.
  private goOn({ fields, id }: Asked) {
    const keys = keysOf(fields)
    if (this.seeds !== 'never' && this.done.seeds !== keys.seeds) this.plan(new SeedsPlan(fields, id))
    if (this.rounds.length && this.done.sizes !== keys.sizes) this.plan(new SizesPlan(fields, id, this.rounds, this.crew.workers))
    this.want({ kind: 'why', fields }, id)
  }

  private plan(plan: Plan) {
    this.drop(plan.kind)
    this.done[plan.kind] = plan.key
    this.plans.push(plan)
  }

  private planOf({ kind }: Task): Plan | undefined {
    return this.plans.find((plan) => plan.kind === (kind === 'counts' ? 'sizes' : kind))
  }

  private hearPortion(job: Job, said: Exclude<Said, { share: number }>) {
    const plan = this.planOf(job)
    if (!plan) return
    if ('frame' in said && said.frame.kind === 'problems') {
      this.drop(plan.kind) // to be tried again with whatever is asked next
      return this.tell(said.frame, plan.answer)
    }
    const frame = plan.take(job, 'frame' in said ? said.frame : said.counted)
    if (frame) this.tell(frame, plan.answer)
    if (plan.over) this.plans = this.plans.filter((other) => other !== plan)
  }

  next(urgency: number): Task | null {
    const plan = this.plans.find(({ kind }) => URGENCY[kind] === urgency)
    return plan?.next() ?? null
  }

  lost(job: Job) {
    const plan = URGENCY[job.kind] > AT_HAND && this.planOf(job)
    if (plan && job.tries! < TRIES) plan.again(job)
    else if (plan) this.drop(plan.kind)
    else this.hearFrame(job, problem('The work ended without a word, and was given up: change something, or take a smaller model.'))
  }

  private tell(frame: Frame, id: number) {
    this.listener.take({ ...frame, id })
  }
}

// About how many milliseconds something still takes.
function restOf({ at, share }: { at: number; share: number }) {
  const spent = performance.now() - at
  return share > 0 ? (spent * (1 - share)) / share : spent
}

const problem = (text: string): Frame => ({
  kind: 'problems',
  id: 0,
  values: { problems: [{ text, field: null, line: null }] },
  arrays: {},
})
