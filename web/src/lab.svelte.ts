// The page's one state: the experiment, how one looks at it, what has come of it, and the way back.

import { read, write } from './address'
import { FIELDS, LOOK, type Field, type Fields, type Look, type Value } from './fields'
import { part, rows, type Frame, type Numbers } from './frames'
import { clamp, sigmoid, softmax } from './maths'
import { problemsBeside, type Problem, type Problems } from './problems'
import { Server, type Listener, type Transport } from './transport'

export interface Corpus {
  vocabulary: string[]
  labels: string[]
  tokens: number[][]
  targets: number[][]
  floor: number
  bigram_floor: number
  dependencies: { sequence: number; position: number; settled_by: number | null; resolvable: boolean }[]
}

export interface Trial {
  name: string
  rows: {
    intervention: string
    kind: string
    difference_before: number
    difference_after: number
    probability_before: number
    probability_after: number
    flips: boolean
  }[]
}

export interface Hello {
  notebook: Fields
  fork_fields: string[]
  can: { train: boolean; try: boolean; open: boolean } // what whoever answers is able to do
}

const MERGE_MS = 700 // changes of one setting that follow each other so fast are undone together
const ADDRESS_MS = 250

export class Lab implements Listener {
  ready = $state(false)
  online = $state(true)
  notice = $state('')
  problems = $state<Problem[]>([])
  busy = $state(false)
  fields = $state<Fields>({})
  look = $state<Look>({ ...LOOK })
  can = $state({ train: false, try: false, open: false })
  notebook: Fields = {}
  picture = $state.raw<Frame | null>(null)
  why = $state.raw<Frame | null>(null)
  seeds = $state.raw<Frame | null>(null)
  sizes = $state.raw<Frame | null>(null)
  trial = $state.raw<Trial | null>(null)
  playing = $state(false)
  unforked = $state.raw<{ frame: Frame; of: string } | null>(null) // the last picture without a fork, and of what
  past = $state.raw<Fields[]>([])
  future = $state.raw<Fields[]>([])
  delay = $state(0) // milliseconds from the last change to its picture

  private transport: Transport
  private forkFields: string[] = []
  private id = 0
  private inFlight = 0 // the request whose picture is awaited
  private wanted = false
  private asked = 0
  private lastSet = { name: '', at: 0 }
  private coming: Look | null = null // how an address wants one to look at the picture that it asks for
  private waiting = new Map<number, (frame: Frame) => void>()
  private addressTimer: ReturnType<typeof setTimeout> | undefined

  constructor(connect: (listener: Listener) => Transport = (listener) => new Server(listener)) {
    this.transport = connect(this)
    addEventListener('hashchange', () => this.can.train && this.readAddress())
  }

  // What has come

  frame(frame: Frame) {
    if (frame.kind === 'hello') return this.hello(frame)
    const waiting = this.waiting.get(frame.id)
    if (waiting) {
      this.waiting.delete(frame.id)
      return waiting(frame)
    }
    if (frame.kind === 'picture') {
      if (frame.values.run !== this.picture?.values.run) this.trial = null
      this.picture = frame
      this.problems = []
      if (this.coming) this.see(this.coming)
      this.coming = null
      if (this.fields.fork === null) this.unforked = { frame, of: this.besideTheFork() }
      this.keepInside()
    } else if (frame.kind === 'problems') {
      if (frame.id < (this.picture?.id ?? 0)) return // of what is no longer asked for
      this.problems = frame.values.problems
    } else if (frame.kind === 'why') this.why = frame
    else if (frame.kind === 'seeds') this.seeds = frame
    else if (frame.kind === 'sizes') this.sizes = frame
    if ((frame.kind === 'picture' || frame.kind === 'problems') && frame.id >= this.inFlight) {
      this.delay = performance.now() - this.asked
      this.inFlight = 0
      this.busy = this.wanted
      if (this.wanted) this.show()
    }
  }

  connected(yes: boolean, why = '') {
    this.online = yes
    this.notice = yes ? '' : why
    this.inFlight = 0
  }

  private hello(frame: Frame) {
    const hello = frame.values as Hello
    this.notebook = hello.notebook
    this.forkFields = hello.fork_fields
    this.can = hello.can
    if (!this.can.train) this.fields = { ...this.notebook }
    else if (!this.ready) this.readAddress()
    this.ready = true
    if (this.can.train) this.show()
  }

  // What is wanted

  set(name: string, value: Value) {
    if (this.fields[name] === value) return
    const now = performance.now()
    if (this.lastSet.name !== name || now - this.lastSet.at > MERGE_MS) this.remember()
    this.lastSet = { name, at: now }
    this.fields[name] = value
    if (name === 'unembed' && value === false) this.fields.d_model = null
    this.changed()
  }

  reset() {
    this.remember()
    this.fields = { ...this.notebook }
    this.look = { ...LOOK, hide: this.look.hide }
    this.changed()
  }

  undo() {
    this.travel('past', 'future')
  }

  redo() {
    this.travel('future', 'past')
  }

  private travel(to: 'past' | 'future', from: 'past' | 'future') {
    const fields = this[to].at(-1)
    if (!fields) return
    this[to] = this[to].slice(0, -1)
    this[from] = [...this[from], { ...this.fields }]
    this.fields = { ...fields }
    this.lastSet.name = ''
    this.changed()
  }

  seed(step: number) {
    this.set('seed', Math.max(0, (this.fields.seed as number) + step))
  }

  // A run of the many: by its seed where it can be trained, by its number where all are there.
  open({ at, seed }: { at: number; seed: Value }) {
    if (this.can.train) this.set('seed', seed)
    else this.transport.ask('show', ++this.id, { run: at })
  }

  opened({ at, seed }: { at: number; seed: Value }): boolean {
    const { run, seed: shown } = this.picture?.values ?? {}
    return run === undefined ? seed === shown : at === run
  }

  dice() {
    this.set('seed', Math.floor(Math.random() * 1000))
  }

  see(change: Partial<Look>) {
    Object.assign(this.look, change)
    if ('sequence' in change || 'query' in change) this.trial = null
    this.keepInside()
    this.writeAddress()
  }

  // What is changed from now on holds after the moment that is looked at.
  fork() {
    this.remember()
    const differing = this.forkFields.filter((name) => this.fields[name] !== this.notebook[name])
    this.fields.before = JSON.stringify(Object.fromEntries(differing.map((name) => [name, this.fields[name]])))
    this.fields.fork = this.moments[this.moment]
    this.look.moment = -1
    this.changed()
  }

  unfork() {
    this.remember()
    const standard = Object.fromEntries(this.forkFields.map((name) => [name, this.notebook[name]]))
    this.fields = { ...this.fields, ...standard, ...JSON.parse(String(this.fields.before) || '{}'), fork: null, before: '' }
    this.changed()
  }

  // The loss of the same run without its fork, where it was trained just before.
  get lossWithoutFork(): Frame | null {
    return this.fields.fork !== null && this.unforked?.of === this.besideTheFork() ? this.unforked.frame : null
  }

  private besideTheFork(): string {
    return JSON.stringify(
      Object.entries(this.fields).filter(([name]) => !this.forkFields.includes(name) && name !== 'fork' && name !== 'before'),
    )
  }

  async try(more: Record<string, unknown>) {
    if (!this.can.try) return
    const place = this.dependency ? { sequence: this.dependency.sequence, position: this.dependency.place } : {}
    const frame = await this.ask('trial', { ...place, ...more })
    if (frame.kind === 'problems') this.problems = frame.values.problems
    else if (frame.values.run === this.picture?.values.run) this.trial = frame.values as unknown as Trial // no other has been opened since
  }

  ask(ask: string, more?: Record<string, unknown>): Promise<Frame> {
    const id = ++this.id
    return new Promise((resolve) => {
      this.waiting.set(id, resolve)
      this.transport.ask(ask, id, { ...this.fields }, more)
    })
  }

  get beside(): Problems {
    const shown = this.hidden('knobs') ? [] : ['seed', ...this.knobs.map((field) => field.name)].filter((name) => !this.hidden(name))
    return problemsBeside(this.problems, shown)
  }

  // The settings that have a control now.
  get knobs(): Field[] {
    return FIELDS.filter((field) => !this.hidden(field.name) && (!field.when || field.when(this.fields)))
  }

  hidden(name: string) {
    return this.look.hide.split(',').includes(name)
  }

  private remember() {
    this.past = [...this.past.slice(-199), { ...this.fields }]
    this.future = []
  }

  private changed() {
    this.trial = null
    this.writeAddress()
    this.show()
  }

  // One request at a time: what changes meanwhile is asked for together, as soon as the picture is there.
  private show() {
    this.busy = true
    this.wanted = this.inFlight > 0
    if (this.wanted) return
    this.inFlight = ++this.id
    this.asked = performance.now()
    this.transport.ask('show', this.inFlight, { ...this.fields })
  }

  private readAddress() {
    const { fields, look } = read(location.hash, this.notebook)
    const same = Object.keys(fields).every((name) => fields[name] === this.fields[name])
    this.look.hide = look.hide
    if (same || !this.picture) this.look = look
    else this.coming = look
    this.keepInside()
    if (same) return
    if (this.ready) this.remember()
    this.fields = fields
    if (this.ready) this.changed()
  }

  private writeAddress() {
    if (!this.can.train) return
    clearTimeout(this.addressTimer)
    this.addressTimer = setTimeout(() => history.replaceState(null, '', `#${write(this.fields, this.notebook, this.look)}`), ADDRESS_MS)
  }

  private keepInside() {
    if (!this.picture) return
    const { n_layers, n_heads } = this.picture.values
    this.look.sequence = clamp(this.look.sequence, 0, this.sentences.length - 1)
    this.look.layer = clamp(this.look.layer, 0, n_layers - 1)
    this.look.head = clamp(this.look.head, 0, n_heads - 1)
    if (this.look.query >= this.words(this.look.sequence).length) this.look.query = -1
    if (this.look.moment >= this.moments.length - 1) this.look.moment = -1
    if (this.look.against >= this.moments.length) this.look.against = -1
  }

  // What is on the screen

  get corpus(): Corpus | null {
    return (this.picture?.values.corpus as Corpus) ?? null
  }

  get sentences(): number[][] {
    return this.corpus?.tokens.slice(0, this.picture!.arrays.logits.shape[1]) ?? []
  }

  words(sequence: number): string[] {
    return this.corpus!.tokens[sequence].map((token) => this.corpus!.vocabulary[token])
  }

  get moments(): Float32Array {
    return this.picture!.arrays.moments.data
  }

  get moment(): number {
    return this.look.moment < 0 ? this.moments.length - 1 : this.look.moment
  }

  get atEnd(): boolean {
    return this.moment === this.moments.length - 1
  }

  // The position that is looked at: the chosen one, or that of the sentence's first dependency.
  get query(): number {
    if (this.look.query >= 0) return this.look.query
    const first = this.corpus!.dependencies.find((item) => item.sequence === this.look.sequence && item.resolvable)
    return first ? first.position : this.corpus!.tokens[this.look.sequence].length - 1
  }

  get dependencies(): any[] {
    return this.why?.values.dependencies ?? []
  }

  get dependency(): any | null {
    const number = this.choice
    return number < 0 ? null : this.dependencies[number]
  }

  get choice(): number {
    const here = this.dependencies.findIndex((item) => item.sequence === this.look.sequence && item.place === this.query)
    return here >= 0 ? here : this.dependencies.findIndex((item) => item.sequence === this.look.sequence)
  }

  pattern(sequence: number, moment = this.moment): number[][] {
    const { layer, head } = this.look
    const length = this.corpus!.tokens[sequence].length
    return rows(part(this.picture!.arrays.pattern, moment, layer, head, sequence))
      .slice(0, length)
      .map((row) => row.slice(0, length))
  }

  outputs(sequence: number, moment = this.moment): number[][] {
    const length = this.corpus!.tokens[sequence].length
    const logits = rows(part(this.picture!.arrays.logits, moment, sequence)).slice(0, length)
    return logits.map((row) => (this.look.output === 'sigmoid' ? sigmoid(row) : softmax(row)))
  }

  // How the chosen logit difference can be told apart.
  get ways(): string[] {
    return Object.keys(this.why?.arrays ?? {})
  }

  // Its parts at a moment: direct token, direct position, then one a source position, a head or a path.
  parts(way: string, moment = this.moment): number[] {
    const numbers: Numbers | undefined = this.why?.arrays[way]
    if (!numbers || this.choice < 0 || this.why!.id !== this.picture!.id || moment >= numbers.shape[0]) return []
    return Array.from(part(numbers, moment, this.choice).data)
  }
}
