// What is trained: every setting, the way back, and the fork.

import { OF_TEXT, seedOf, seedValue } from '../config/experiment'
import type { Fields, Hello, Value } from '../protocol'

const MERGE_MS = 700 // changes of one setting that follow each other so fast are undone together
const MOST_PAST = 200

// What may be set in a page that hands something out.
export interface Rules {
  held(fields: Fields): Fields // what becomes of settings that are wanted
  locked(name: string): boolean // a setting stays as it is
  hidden(name: string): boolean // a panel or a setting is not shown
}

export class Experiment {
  rules: Rules | null = null
  private all = $state<Fields>({})
  notebook = $state.raw<Fields>({})
  past = $state.raw<Fields[]>([])
  future = $state.raw<Fields[]>([])

  private forkFields: string[] = []
  private lastSet = { name: '', at: 0 }

  constructor(private changed: () => void) {}

  get fields(): Fields {
    return this.all
  }

  // Whoever sets something, it goes through here.
  set fields(wanted: Fields) {
    this.all = this.rules?.held(wanted) ?? wanted
  }

  locked(name: string) {
    return this.rules?.locked(name)
  }

  begin({ notebook, fork_fields }: Hello['values']) {
    this.notebook = notebook
    this.forkFields = fork_fields
  }

  set(name: string, value: Value) {
    value = this.rules ? this.rules.held({ ...this.fields, [name]: value })[name] : value
    if (this.fields[name] === value) return
    const now = performance.now()
    if (this.lastSet.name !== name || now - this.lastSet.at > MERGE_MS) this.remember()
    this.lastSet = { name, at: now }
    this.fields[name] = value
    if (name === 'unembed' && value === false) this.fields.d_model = null
    if (OF_TEXT.includes(name)) this.fields.task = '' // whatever it says
    if (name === 'task') for (const said of OF_TEXT) this.fields[said] = this.notebook[said]
    if (this.rules) this.fields = { ...this.fields }
    this.changed()
  }

  seed(step: number) {
    const seed = (seedOf(this.fields.seed) ?? 0n) + BigInt(step)
    if (seedOf(String(seed)) !== null) this.set('seed', seedValue(seed))
  }

  dice() {
    this.set('seed', Math.floor(Math.random() * 1000))
  }

  become(fields: Fields) {
    this.remember()
    this.fields = fields
    this.changed()
  }

  undo() {
    this.travel('past', 'future')
  }

  redo() {
    this.travel('future', 'past')
  }

  // What is changed from now on holds after this step.
  fork(step: number) {
    const differing = this.forkFields.filter((name) => this.fields[name] !== this.notebook[name])
    const before = JSON.stringify(Object.fromEntries(differing.map((name) => [name, this.fields[name]])))
    this.become({ ...this.fields, before, fork: step })
  }

  unfork() {
    const standard = Object.fromEntries(this.forkFields.map((name) => [name, this.notebook[name]]))
    const before = JSON.parse(String(this.fields.before) || '{}') as Fields
    this.become({ ...this.fields, ...standard, ...before, fork: null, before: '' })
  }

  // Equal for experiments that are trained alike up to a fork.
  get besideTheFork(): string {
    const fork = ['fork', 'before', ...this.forkFields]
    return JSON.stringify(Object.entries(this.fields).filter(([name]) => !fork.includes(name)))
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

  private remember() {
    this.past = [...this.past.slice(1 - MOST_PAST), { ...this.fields }]
    this.future = []
  }
}
