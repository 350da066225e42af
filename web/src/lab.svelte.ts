// The page's one state: the experiment, how one looks at it, what has come of it, and who is asked.

import type { Carried } from './carried'
import { keysOf } from './desk/plans'
import { LINK } from './errors'
import type {
  Can,
  Connect,
  Fields,
  Frame,
  Hello,
  Listener,
  Palette,
  Picture,
  ProblemsFrame,
  Progress,
  Told,
  TrialOf,
  Value,
} from './protocol'
import { Address, otherRuns, read, write } from './state/address'
import { Experiment } from './state/experiment.svelte'
import { Lasting } from './state/lasting.svelte'
import { Looking, type Look } from './state/look.svelte'
import { Requests } from './state/requests.svelte'
import { Settings } from './state/settings.svelte'
import { Shown, type Where } from './state/shown.svelte'

// carried: what the page has before anything is trained; link: what settings it begins with, where its address says nothing;
// address: whether the window's address is that of the experiment
export interface Start {
  connect: Connect
  carried?: Carried | null
  link?: string
  address?: boolean
}

type Keys = ReturnType<typeof keysOf>
type Drawn = 'picture' | 'why' | 'seeds' | 'sizes'

const LASTING_MS = 200 // after which what is of settings before is marked

export class Lab implements Listener {
  ready = $state(false)
  online = $state(true)
  notice = $state('')
  can = $state.raw<Can>({ train: false, try: false }) // what whoever answers is able to do
  palette = $state.raw<Palette>({})
  told = $state.raw<Told>({ mechanisms: {}, ablations: {}, coding: { pattern: '', value: '', direct: '' }, measures: {} })
  playing = $state(false)
  progress = $state.raw<Progress['values'] | null>(null) // of a training that takes a while

  readonly experiment = new Experiment(() => this.changed())
  readonly looking = new Looking()
  readonly settings = new Settings(this.experiment, this.looking)
  readonly shown = new Shown(this.looking)
  readonly lasting = new Lasting<Drawn>(LASTING_MS) // what has been stale for longer than a change takes
  readonly requests: Requests
  private readonly address: Address | null
  private awake = false
  private keys: Record<number, Keys> = {} // of what was asked for, by its number
  private of = $state.raw<Partial<Record<Drawn, string>>>({}) // of what is drawn
  private coming: Partial<Look> = {} // how an address wants one to look at the picture that is trained for it
  private lesson: Fields | null = null // what an address that hides something set
  private unforked = $state.raw<{ picture: Picture; of: string } | null>(null) // the last picture without a fork, and of what

  constructor(private readonly start: Start) {
    this.requests = new Requests(start.connect(this), () => this.experiment.fields)
    this.address = start.address ? new Address(() => this.can.train && this.readAddress()) : null
  }

  // What has come

  take(frame: Frame) {
    if (frame.kind === 'hello') return this.begin(frame)
    if (this.requests.deliver(frame)) return
    if (frame.kind === 'progress') this.progress = frame.values
    else if (frame.kind === 'picture') this.draw(frame)
    else if (frame.kind === 'problems') this.complain(frame)
    else if (frame.kind === 'why' || frame.kind === 'seeds' || frame.kind === 'sizes') {
      this.note(frame)
      Object.assign(this.shown, { [frame.kind]: frame })
    }
  }

  // Which settings what is drawn is of.
  private note({ kind, id }: { kind: Drawn; id: number }) {
    const keys = this.keys[id] as Keys | undefined
    this.of = { ...this.of, [kind]: keys?.[kind === 'why' ? 'picture' : kind] }
    this.lasting.see(this.stale)
  }

  // What is drawn, and is not of the settings as they are now.
  readonly stale = $derived.by((): Record<Drawn, boolean> => {
    const { of } = this
    if (!this.can.train) return { picture: false, why: false, seeds: false, sizes: false }
    const now = keysOf(this.experiment.fields)
    return {
      picture: of.picture !== now.picture,
      why: of.why !== now.picture,
      seeds: of.seeds !== now.seeds,
      sizes: of.sizes !== now.sizes,
    }
  })

  cannot(why: string) {
    this.online = false
    this.notice = why
    this.recordedAlone()
    this.requests.forget()
  }

  // Nothing can be trained: what is carried is all that can be read, whatever an address asks for.
  private recordedAlone() {
    const { carried } = this.start
    this.can = { train: false, try: false }
    if (!carried || this.shown.picture) return
    this.experiment.fields = { ...this.experiment.notebook, ...carried.fields }
    carried.frames.forEach((frame) => this.take(frame))
  }

  private begin({ values }: Hello) {
    const { carried } = this.start
    this.experiment.begin(values)
    this.can = values.can
    if (carried?.fields === null) {
      this.can = { train: false, try: carried.given !== undefined }
      const alone = 'Settings alone do not train this run, and so no other seeds, sizes, settings or forks of it can be had here'
      this.notice = this.can.try ? `${alone}: it can be looked at, and tried.` : `${alone}.`
    }
    this.settings.begin(values.fields)
    this.palette = values.palette
    this.told = values.words
    const carries = { ...values.notebook, ...(carried?.fields ?? (carried && { task: '', given: carried.given ?? null })) }
    this.keys[0] = keysOf(carries)
    if (!this.ready) {
      this.experiment.fields = carries
      if (this.can.train && this.start.address) this.readAddress()
    }
    this.ready = true
    this.coming = { ...this.look } // what is carried may hold fewer moments than an address counts
    if (carried && this.keys[0].picture === keysOf(this.experiment.fields).picture) carried.frames.forEach((frame) => this.take(frame))
    if (this.can.train && (this.awake || !carried)) this.show()
  }

  // What is carried comes alive: it is trained here.
  wake() {
    if (this.awake) return
    this.awake = true
    if (this.ready && this.can.train) this.show()
  }

  private show() {
    const id = this.requests.show()
    this.keys[id] = keysOf(this.experiment.fields)
    this.lasting.see(this.stale)
  }

  private draw(picture: Picture) {
    const before = this.shown.picture && { moments: this.shown.moments, of: this.of.picture }
    this.note(picture)
    for (const id of Object.keys(this.keys)) if (Number(id) < picture.id) delete this.keys[Number(id)]
    this.shown.picture = picture
    if (before && before.of === this.of.picture) this.looking.follow(before.moments, this.shown.moments)
    const { why } = this.shown
    if (why && this.of.why && this.of.why === this.of.picture) this.shown.why = { ...why, id: picture.id }
    this.progress = null
    this.settings.problems = []
    if (this.experiment.fields.fork === null) this.unforked = { picture, of: this.experiment.besideTheFork }
    if (picture.id > 0) {
      this.looking.see(this.coming)
      this.coming = {}
    }
    this.keepInside()
    this.requests.shown(picture.id)
  }

  private complain({ id, values }: ProblemsFrame) {
    if (id < (this.shown.picture?.id ?? 0)) return // of what is no longer asked for
    const linked = (command: string) => command.replace(LINK, () => `#${this.link}`)
    this.settings.problems = values.problems.map((problem) => ({
      ...problem,
      ...(problem.command && { command: linked(problem.command) }),
    }))
    this.progress = null
    this.requests.shown(id)
  }

  // What is wanted

  get look(): Look {
    return this.looking.look
  }

  see(change: Partial<Look>) {
    this.looking.see(change)
    for (const name of Object.keys(change) as (keyof Look)[]) delete this.coming[name]
    if ('sequence' in change || 'query' in change) this.shown.trial = null
    this.keepInside()
    this.writeAddress()
  }

  // The training of what is wanted is given up.
  stop() {
    this.requests.stop()
  }

  // Back to the notebook; in a lesson, to what it set.
  reset() {
    this.looking.reset()
    this.coming = {}
    this.experiment.become({ ...(this.lesson ?? this.experiment.notebook) })
  }

  fork() {
    const step = this.shown.moments[this.shown.moment]
    this.looking.see({ moment: -1 })
    this.experiment.fork(step)
  }

  // The same run without its fork, where it was trained just before.
  get withoutFork(): Picture | null {
    const { fields, besideTheFork } = this.experiment
    return fields.fork !== null && this.unforked?.of === besideTheFork ? this.unforked.picture : null
  }

  // A run of the many.
  open({ seed }: { seed: Value }) {
    this.experiment.set('seed', seed)
  }

  async try(more: TrialOf, where: Where = 'part') {
    if (!this.can.try) return
    this.shown.tried = { where }
    const [{ choice }, settings] = [this.shown, keysOf(this.experiment.fields).picture]
    const frame = await this.requests.ask('trial', { ...(choice && { sequence: choice.sequence, position: choice.place }), ...more })
    if (frame.kind === 'problems') this.settings.problems = frame.values.problems
    else if (keysOf(this.experiment.fields).picture === settings) this.shown.trial = frame.values
  }

  private changed() {
    this.shown.trial = null
    this.writeAddress()
    this.show()
  }

  private keepInside() {
    if (this.shown.range) this.looking.keepInside(this.shown.range)
  }

  private readAddress() {
    const given = location.hash.length > 1 || this.ready ? location.hash : (this.start.link ?? '')
    const { fields, look } = read(given, this.experiment.notebook)
    this.notice = otherRuns(given)
    const same = Object.keys(fields).every((name) => fields[name] === this.experiment.fields[name])
    this.looking.see({ hide: look.hide })
    this.lesson = look.hide ? fields : null
    if (same || !this.shown.picture) this.looking.see(look)
    else this.coming = look
    this.keepInside()
    if (same) this.experiment.fields = { ...this.experiment.fields } // what was typed and refused beside them is over
    if (same || (!given && !this.ready)) return // without an address, a page begins with what it carries
    if (this.ready) this.experiment.become(fields)
    else this.experiment.fields = fields
  }

  private writeAddress() {
    if (this.can.train) this.address?.write(() => this.link)
  }

  // Whether the window's address is that of the experiment.
  get addressed() {
    return this.address !== null
  }

  // The experiment and how one looks at it, as the fragment of an address.
  get link(): string {
    return write(this.experiment.fields, this.experiment.notebook, this.look)
  }
}
