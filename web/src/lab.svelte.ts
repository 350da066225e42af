// The page's one state: the experiment, how one looks at it, what has come of it, and who is asked.

import type { Can, Frame, Hello, Palette, Picture, ProblemsFrame, Told, TrialOf, Value } from './protocol'
import { Address, read, write } from './state/address'
import { Experiment } from './state/experiment.svelte'
import { Looking, type Look } from './state/look.svelte'
import { Requests } from './state/requests.svelte'
import { Settings } from './state/settings.svelte'
import { Shown } from './state/shown.svelte'
import { Server } from './transport/server'
import type { Connect, Listener } from './transport/transport'

export class Lab implements Listener {
  ready = $state(false)
  online = $state(true)
  notice = $state('')
  can = $state.raw<Can>({ train: false, try: false, open: false }) // what whoever answers is able to do
  palette = $state.raw<Palette>({})
  told = $state.raw<Told>({ mechanisms: {}, ablations: {}, coding: { pattern: '', value: '', direct: '' }, measures: {} })
  playing = $state(false)

  readonly experiment = new Experiment(() => this.changed())
  readonly looking = new Looking()
  readonly settings = new Settings(this.experiment, this.looking)
  readonly shown = new Shown(this.looking)
  readonly requests: Requests
  private readonly address = new Address(() => this.can.train && this.readAddress())
  private coming: Look | null = null // how an address wants one to look at the picture that it asks for
  private unforked = $state.raw<{ picture: Picture; of: string } | null>(null) // the last picture without a fork, and of what

  constructor(connect: Connect = (listener) => new Server(listener)) {
    this.requests = new Requests(connect(this), () => this.experiment.fields)
  }

  // What has come

  take(frame: Frame) {
    if (frame.kind === 'hello') return this.begin(frame)
    if (this.requests.deliver(frame)) return
    if (frame.kind === 'picture') this.draw(frame)
    else if (frame.kind === 'problems') this.complain(frame)
    else if (frame.kind === 'why') this.shown.why = frame
    else if (frame.kind === 'seeds') this.shown.seeds = frame
    else if (frame.kind === 'sizes') this.shown.sizes = frame
  }

  connected(yes: boolean, why = '') {
    this.online = yes
    this.notice = yes ? '' : why
    this.requests.forget()
  }

  private begin({ values }: Hello) {
    this.experiment.begin(values)
    this.can = values.can
    this.settings.begin(values.fields)
    this.palette = values.palette
    this.told = values.words
    if (!this.can.train) this.experiment.fields = { ...values.notebook }
    else if (!this.ready) this.readAddress()
    this.ready = true
    if (this.can.train) this.requests.show()
  }

  private draw(picture: Picture) {
    if (picture.values.run !== this.shown.picture?.values.run) this.shown.trial = null
    this.shown.picture = picture
    this.settings.problems = []
    if (this.experiment.fields.fork === null) this.unforked = { picture, of: this.experiment.besideTheFork }
    if (this.coming) this.see(this.coming)
    else this.keepInside()
    this.coming = null
    this.requests.shown(picture.id)
  }

  private complain({ id, values }: ProblemsFrame) {
    if (id < (this.shown.picture?.id ?? 0)) return // of what is no longer asked for
    this.settings.problems = values.problems
    this.requests.shown(id)
  }

  // What is wanted

  get look(): Look {
    return this.looking.look
  }

  see(change: Partial<Look>) {
    this.looking.see(change)
    if ('sequence' in change || 'query' in change) this.shown.trial = null
    this.keepInside()
    this.writeAddress()
  }

  reset() {
    this.looking.reset()
    this.experiment.reset()
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

  // A run of the many: by its seed where it can be trained, by its number where all are there.
  open({ at, seed }: { at: number; seed: Value }) {
    if (this.can.train) this.experiment.set('seed', seed)
    else this.requests.showRun(at)
  }

  async try(more: TrialOf) {
    if (!this.can.try) return
    const { choice } = this.shown
    const frame = await this.requests.ask('trial', { ...(choice && { sequence: choice.sequence, position: choice.place }), ...more })
    if (frame.kind === 'problems') this.settings.problems = frame.values.problems
    else if (frame.values.run === this.shown.picture?.values.run) this.shown.trial = frame.values // no other has been opened since
  }

  private changed() {
    this.shown.trial = null
    this.writeAddress()
    this.requests.show()
  }

  private keepInside() {
    if (this.shown.range) this.looking.keepInside(this.shown.range)
  }

  private readAddress() {
    const { fields, look } = read(location.hash, this.experiment.notebook)
    const same = Object.keys(fields).every((name) => fields[name] === this.experiment.fields[name])
    this.looking.see({ hide: look.hide })
    if (same || !this.shown.picture) this.looking.see(look)
    else this.coming = look
    this.keepInside()
    if (same) return
    if (this.ready) this.experiment.become(fields)
    else this.experiment.fields = fields
  }

  private writeAddress() {
    const { experiment, looking } = this
    if (this.can.train) this.address.write(() => write(experiment.fields, experiment.notebook, looking.look))
  }
}
