// A homework's one state: what was answered so far, what is known of its runs, and the lab beside it.

import { SvelteMap } from 'svelte/reactivity'
import type { Value } from '../protocol'
import { LOOK } from '../state/look.svelte'
import {
  bytesOf,
  fileOf,
  fromAddress,
  type Given,
  inAddress,
  MOST_BYTES,
  nameOfFile,
  NOTHING,
  runOf,
  runsIn,
  sourceOf,
  type Work,
  workIn,
} from './answers'
import { addressOf, type Assignment, fieldsOf, ID, type Question, type Variant, variantOf } from './assignment'
import { collectedOf, measureCollected } from './collected'
import { HomeworkLab } from './lab'
import { Measuring } from './measuring'
import { agreeing, collectedAt, type Facts, type Lacking, lacking, type Looked } from './missing'
import { QUANTITIES, type Measured } from './table'

const TOLD_MS = 400 // after the last change somebody else is told of it

export class Homework {
  work = $state.raw<Work>(NOTHING)
  said = $state('') // what came of what was done last
  facts = new SvelteMap<string, Facts>() // of runs by their address
  wrong = new SvelteMap<string, string>() // why a run has none
  tried = $state(false) // to hand in
  training = $state(0) // how many runs are waited for

  private readonly id = $derived(this.work.id) // so that another answer makes no other variant
  readonly variant = $derived.by<Variant>(() => variantOf(this.assignment, this.id))
  readonly lab: HomeworkLab
  private readonly measuring: Measuring
  private asked: readonly string[] = [] // runs that are waited for
  private timer: ReturnType<typeof setTimeout> | undefined

  // told: is told when something was answered
  constructor(
    readonly assignment: Assignment,
    begun: Work | null,
    private readonly told: (homework: Homework) => void = () => {},
  ) {
    this.work = begun ?? fromAddress(assignment, location.hash) ?? NOTHING
    const quantities = assignment.questions.flatMap(({ id, quantity }) =>
      quantity && QUANTITIES[quantity.name].of === 'run' ? [[id, quantity] as const] : [],
    )
    this.measuring = new Measuring(Object.fromEntries(quantities))
    this.lab = new HomeworkLab(assignment, this.variant, () => inAddress(assignment, this.work))
    addEventListener('hashchange', () => this.arrive())
    this.keepToTheRules()
    void this.know()
  }

  get hasId(): boolean {
    return ID.test(this.work.id)
  }

  // Whether answers can be given: which seeds are a student's own is known.
  get open(): boolean {
    return this.hasId || this.assignment.variants === null
  }

  get looked(): Looked {
    const { assignment, variant, work, facts } = this
    return { assignment, variant, work, facts }
  }

  readonly lacking = $derived.by<Lacking[]>(() => lacking(this.looked))

  of({ id }: Question): Given {
    return this.work.answers[id] ?? {}
  }

  // The run that a question is about, by its address.
  run(question: Question): string | undefined {
    const about = runOf(this.assignment, question)
    return about && this.of(about).run
  }

  // What is right there, as far as it is known.
  measured(question: Question): Measured | undefined {
    const { quantity } = question
    if (!quantity) return undefined
    if (QUANTITIES[quantity.name].of === 'run') return this.facts.get(this.run(question) ?? '')?.measured[question.id]
    const source = sourceOf(this.assignment, question)
    if (!source?.runs) return undefined
    const runs = collectedOf(source.runs, this.of(source).runs ?? [], this.variant.start, this.facts)
    return measureCollected(quantity, source.runs, runs)
  }

  // How many questions miss nothing.
  get answered(): number {
    const { questions } = this.assignment
    return questions.filter(({ id }) => this.lacking.every(({ question }) => question !== id)).length
  }

  get points(): number {
    return this.assignment.questions.reduce((sum, question) => sum + agreeing(this.looked, question, this.measured(question)), 0)
  }

  get most(): number {
    return this.assignment.questions.reduce((sum, { max }) => sum + max, 0)
  }

  // The run that the lab shows, by its address; nothing while another one is trained.
  get shown(): string | null {
    const { lab } = this
    return lab.shown.picture && !lab.stale.picture && !lab.settings.problems.length
      ? addressOf(lab.experiment.fields, this.variant.start)
      : null
  }

  // What is done

  setId(id: string) {
    if (id === this.work.id) return
    this.work = { ...this.work, id }
    this.lab.become(this.variant)
    this.keepToTheRules()
    this.changed()
  }

  answer({ id }: Question, change: Partial<Given>) {
    this.work = { ...this.work, answers: { ...this.work.answers, [id]: { ...this.work.answers[id], ...change } } }
    this.changed()
  }

  // Its answer, about the run that is shown where none was chosen yet.
  choose(question: Question, value: string | number) {
    const run = question === runOf(this.assignment, question) ? (this.of(question).run ?? this.shown ?? undefined) : undefined
    this.answer(question, { value, ...(run !== undefined && { run }) })
  }

  // The run that is shown is this question's.
  take(question: Question) {
    const run = this.shown
    if (run === null) return
    this.answer(question, { run, ...(question.kind === 'picture' && { view: this.view }) })
  }

  // The number that was measured.
  async fill(question: Question) {
    if (question === runOf(this.assignment, question) && this.of(question).run === undefined) this.take(question)
    await this.know()
    const shown = this.measured(question)?.shown
    if (shown !== undefined) this.answer(question, { value: shown })
  }

  // How one looks at the run, as the end of an address.
  get view(): string {
    const { query } = this.lab.shown
    const look = { ...this.lab.look, query, moment: LOOK.moment, against: LOOK.against, hide: LOOK.hide }
    const parts = Object.entries(look).filter(([name, value]) => name === 'query' || value !== LOOK[name as keyof typeof LOOK])
    return parts.map(([name, value]) => `${name}=${String(value)}`).join('&')
  }

  show(address: string) {
    this.lab.experiment.become(fieldsOf(address, this.variant.start))
  }

  // Collected runs

  add(question: Question, ...addresses: string[]) {
    const runs = this.of(question).runs ?? []
    this.answer(question, { runs: [...runs, ...addresses.filter((address) => !runs.includes(address))] })
  }

  drop(question: Question, address: string) {
    this.answer(question, { runs: (this.of(question).runs ?? []).filter((other) => other !== address) })
  }

  // Whether the run that is shown can be collected for a question: at one of its values, and else as it begins.
  fits({ runs }: Question): boolean {
    const { fields } = this.lab.experiment
    return this.shown !== null && runs!.values.includes(fields[runs!.setting])
  }

  // The student's next seeds at every value, until there are as many as are asked for.
  trainMissing(question: Question) {
    const { setting, each } = question.runs!
    const { start } = this.variant
    const chosen = this.of(question).runs ?? []
    // as those that were collected are, beside the setting and the seed
    const alike = chosen.length ? fieldsOf(chosen[0], start) : this.lab.rules.held({ ...this.lab.experiment.fields })
    const more: string[] = []
    for (const [value, some] of collectedAt(question, chosen, start)) {
      const taken = some.map((address) => String(fieldsOf(address, start).seed))
      let wanted = each - some.length
      for (const seed of this.seedsInTurn()) {
        if (wanted <= 0) break
        if (taken.includes(String(seed))) continue
        more.push(addressOf({ ...alike, [setting]: value, seed }, start))
        wanted--
      }
    }
    this.add(question, ...more)
  }

  private *seedsInTurn(): Generator<Value> {
    const [first, last] = this.lab.rules.seeds ?? [Number(this.variant.start.seed) || 0, Number.MAX_SAFE_INTEGER]
    for (let seed = first; seed <= last; seed++) yield seed
  }

  // Files

  get file(): string {
    return fileOf(this.assignment, this.variant, this.work, (address) => this.facts.get(address)?.hash)
  }

  // By how many bytes it is too long.
  get over(): number {
    return Math.max(0, bytesOf(this.file) - MOST_BYTES)
  }

  // What is handed in, once every run of it is trained; why it cannot be.
  async handIn(): Promise<{ name: string; text: string } | string> {
    this.tried = true
    if (!this.hasId) return 'Type your id first: the file is named after it.'
    await this.know()
    const untrained = runsIn(this.assignment, this.work).find((address) => !this.facts.has(address))
    if (untrained !== undefined) return `The run ${untrained} cannot be trained here: ${this.wrong.get(untrained) ?? 'take another one'}`
    if (this.over) return `The file is ${this.over.toLocaleString('en')} bytes too long: shorten a sentence, or leave out runs.`
    return { name: nameOfFile(this.assignment, this.work), text: this.file }
  }

  get draftName(): string {
    return nameOfFile(this.assignment, this.work).replace('.txt', '-draft.txt')
  }

  handedIn = false

  hasHandedIn() {
    this.handedIn = true
    this.told(this)
  }

  // A file that was saved before; says what is wrong with it.
  async openFile(text: string): Promise<string> {
    const found = workIn(this.assignment, text)
    if (typeof found === 'string') return found
    this.begin(found)
    await this.know()
    return 'The draft is open.'
  }

  private begin(work: Work) {
    this.work = work
    this.lab.become(this.variant)
    this.keepToTheRules()
    this.changed()
  }

  // Runs

  // Trains and measures every run that an answer is about.
  async know(): Promise<void> {
    const { start } = this.variant
    const wanted = runsIn(this.assignment, this.work).filter(
      (address) => !this.facts.has(address) && !this.asked.includes(address) && !this.wrong.has(address),
    )
    await Promise.all([...wanted.map((address) => this.learn(address, start)), ...this.waited])
  }

  private waited: Promise<void>[] = []

  private learn(address: string, start: Variant['start']): Promise<void> {
    this.asked = [...this.asked, address]
    this.training = this.asked.length
    const done = this.measuring.facts(fieldsOf(address, start)).then((found) => {
      if (start !== this.variant.start) return // somebody else's by now
      if (typeof found === 'string') this.wrong.set(address, found)
      else this.facts.set(address, found)
    })
    const over = done.finally(() => {
      this.asked = this.asked.filter((other) => other !== address)
      this.training = this.asked.length
      this.waited = this.waited.filter((other) => other !== over)
      if (start !== this.variant.start) void this.know()
    })
    this.waited.push(over)
    return over
  }

  // Runs that this student may not take are none of the answers'.
  private keepToTheRules() {
    this.facts.clear()
    this.wrong.clear()
    const { start } = this.variant
    const mine = (address: string) => this.lab.rules.allows(fieldsOf(address, start))
    let lost = 0
    const answers = Object.entries(this.work.answers).map(([id, given]): [string, Given] => {
      const [run, runs] = [given.run !== undefined && mine(given.run) ? given.run : undefined, given.runs?.filter(mine)]
      lost += Number(given.run !== run) + (given.runs?.length ?? 0) - (runs?.length ?? 0)
      return [id, { ...given, run, runs }]
    })
    if (!lost) return
    this.work = { ...this.work, answers: Object.fromEntries(answers) }
    this.said = `${lost === 1 ? 'A run is' : `${lost} runs are`} left out: with this id the seeds are others.`
  }

  // Another address of this page was opened.
  private arrive() {
    const found = fromAddress(this.assignment, location.hash)
    if (found && JSON.stringify(found) !== JSON.stringify(this.work)) this.begin(found)
    else this.lab.keep()
  }

  private changed() {
    this.lab.keep()
    void this.know()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.told(this), TOLD_MS)
  }
}
