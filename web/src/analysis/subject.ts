// The model under study: weights and their corpus, what it computes, and the check that what is asked for exists.

import { shapeOn, type ModelConfig } from '../config/model'
import type { Corpus } from '../data/corpus'
import type { Dependency } from '../data/dependencies'
import { problem, Problems } from '../errors'
import type { Case, Loss, Problem, WeightName } from '../kernel/asked'
import type { Kernel, Weight } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { meanLoss } from '../model/losses'
import { inCodePoints, listing, shortRepr } from '../notation/values'
import { decisiveLead, gradeOf, TIE, type Judged } from './looking/predictions'
import { THRESHOLDS } from './words'

const AT_ONCE = 1_000_000 // numbers in the patterns of all sequences; of more, those of a sequence at a time

export interface More {
  loss?: Loss // what it was trained on
  finished?: boolean // its training did not diverge
  goal?: number // the share of the resolvable places that must be right
}

// What all models of a shape on a corpus have in common.
export class Setting {
  readonly problem: Problem
  readonly dependencies: readonly Dependency[] // those that what the model sees settles, in order
  readonly resolvable: readonly (readonly boolean[])[]
  readonly weights: ReadonlyMap<WeightName, Weight>
  readonly size: number // how many weights a model has
  readonly open: readonly number[] // the tokens of the dependencies
  readonly cases: readonly Case[] // every sequence as it is
  readonly floor: number // the smallest mean loss of any such model
  readonly bigramFloor: number // and of what knows the current token alone

  private constructor(
    readonly kernel: Kernel,
    readonly corpus: Corpus,
    readonly model: ModelConfig,
  ) {
    const { tokens, targets, weights } = corpus
    const shape = shapeOn(model, corpus)
    const ids = { tokens: Int32Array.from(tokens.flat()), targets: Int32Array.from(targets.flat()) }
    this.problem = { shape, type: 'float64', ...ids, weights: Float64Array.from(weights.flat()) }
    this.dependencies = corpus.dependencies(model).filter((item) => item.resolvable)
    this.resolvable = corpus.resolvable(model)
    this.weights = new Map(kernel.weights(shape).map((weight) => [weight.name, weight]))
    this.size = kernel.size(shape)
    this.open = [...new Set(this.dependencies.map((item) => item.token))].sort((one, other) => one - other)
    this.cases = tokens.map((_, sequence) => ({ sequence }))
    this.floor = corpus.floor(model)
    this.bigramFloor = corpus.bigramFloor()
  }

  private static readonly known = new WeakMap<Corpus, Setting[]>()

  static of(kernel: Kernel, corpus: Corpus, model: ModelConfig): Setting {
    const some = Setting.known.get(corpus) ?? []
    const same = some.find((one) => one.kernel === kernel && (one.model === model || JSON.stringify(one.model) === JSON.stringify(model)))
    if (same) return same
    const made = new Setting(kernel, corpus, model)
    Setting.known.set(corpus, [...some, made])
    return made
  }

  // The places at which a token stands and has a target.
  placesOf(token: number): readonly { sequence: number; position: number; target: number }[] {
    const { tokens, targets } = this.corpus
    return this.once(`places of ${token}`, () =>
      tokens.flatMap((row, sequence) =>
        row.flatMap((here, position) => {
          const target = targets[sequence][position]
          return here === token && target >= 0 ? [{ sequence, position, target }] : []
        }),
      ),
    )
  }

  // What is the same for all models, worked out once.
  once<Value>(name: string, find: () => Value): Value {
    if (!this.found.has(name)) this.found.set(name, find())
    return this.found.get(name) as Value
  }

  private readonly found = new Map<string, unknown>()
}

// What a model computes on its corpus when nobody intervenes: views, no copies. Rows at padding have no meaning.
export class Clean {
  private readonly looks: { logits?: Float64Array; patterns: Float64Array[]; others: Activations[] } = { patterns: [], others: [] }

  constructor(
    private readonly of: Setting,
    private readonly flat: Float64Array,
    known: { logits?: Float64Array; patterns?: Float64Array } = {},
  ) {
    this.looks.logits = known.logits
    if (known.patterns) this.keep(known.patterns)
  }

  // [sequence, position, d_vocab]
  get every(): Float64Array {
    const { kernel, problem, cases } = this.of
    return (this.looks.logits ??= kernel.look(problem, this.flat, cases, ['logits']).logits as Float64Array)
  }

  logits(sequence: number, position: number): Float64Array {
    const { n_ctx, d_vocab } = this.of.problem.shape
    return row(this.every, sequence * n_ctx + position, d_vocab)
  }

  // [layer, head, query, key] of a sequence
  patterns(sequence: number): Float64Array {
    const { kernel, problem, cases } = this.of
    const { patterns } = this.looks
    if (!patterns[sequence]) {
      const few = sizeOfPatterns(this.of) <= AT_ONCE
      const found = kernel.look(problem, this.flat, few ? cases : [cases[sequence]], ['pattern']).pattern as Float64Array
      if (few) this.keep(found)
      else patterns[sequence] = found
    }
    return patterns[sequence]
  }

  pattern(layer: number, head: number, sequence: number, query: number): Float64Array {
    const { n_heads, n_ctx } = this.of.problem.shape
    return row(this.patterns(sequence), (layer * n_heads + head) * n_ctx + query, n_ctx)
  }

  // Scaled, before the mask.
  scores(layer: number, head: number, sequence: number, query: number): Float64Array {
    return this.at('scores', layer, head, sequence, query)
  }

  q(layer: number, head: number, sequence: number, position: number): Float64Array {
    return this.at('q', layer, head, sequence, position)
  }

  k(layer: number, head: number, sequence: number, position: number): Float64Array {
    return this.at('k', layer, head, sequence, position)
  }

  v(layer: number, head: number, sequence: number, position: number): Float64Array {
    return this.at('v', layer, head, sequence, position)
  }

  // What a head writes, through W_O where there is one.
  z(layer: number, head: number, sequence: number, position: number): Float64Array {
    return this.at('z', layer, head, sequence, position)
  }

  // Before a layer; after the last, of the number of layers.
  resid(layer: number, sequence: number, position: number): Float64Array {
    const { n_ctx, d_model } = this.of.problem.shape
    const { values, sequences, own } = this.others(sequence)
    return row(values.resid, (layer * sequences + own) * n_ctx + position, d_model)
  }

  private at(name: 'scores' | 'q' | 'k' | 'v' | 'z', layer: number, head: number, sequence: number, position: number): Float64Array {
    const { n_layers, n_heads, n_ctx } = this.of.problem.shape
    const { values, sequences, own } = this.others(sequence)
    const rows = n_layers * n_heads * sequences * n_ctx
    return row(values[name], ((layer * n_heads + head) * sequences + own) * n_ctx + position, values[name].length / rows)
  }

  private others(sequence: number): { values: Activations; sequences: number; own: number } {
    const { kernel, problem, corpus } = this.of
    const { others } = this.looks
    const few = sizeOfPatterns(this.of) <= AT_ONCE
    const [at, sequences, own] = few ? [0, corpus.n_sequences, sequence] : [sequence, 1, 0]
    others[at] ??= kernel.activations(few ? problem : alone(problem, sequence), this.flat, WITHIN) as Activations
    return { values: others[at], sequences, own }
  }

  private keep(patterns: Float64Array) {
    const { n_sequences } = this.of.corpus
    for (let sequence = 0; sequence < n_sequences; sequence++) {
      this.looks.patterns[sequence] = row(patterns, sequence, patterns.length / n_sequences)
    }
  }
}

const WITHIN = ['resid', 'q', 'k', 'v', 'scores', 'z'] as const
type Activations = Record<(typeof WITHIN)[number], Float64Array>

const row = (of: Float64Array, at: number, width: number) => of.subarray(at * width, (at + 1) * width)

function alone(problem: Problem, sequence: number): Problem {
  const { shape, type, tokens } = problem
  return { shape, type, tokens: tokens.slice(sequence * shape.n_ctx, (sequence + 1) * shape.n_ctx) }
}

function sizeOfPatterns({ corpus, model }: Setting): number {
  return corpus.n_sequences * model.n_layers * model.n_heads * corpus.n_ctx ** 2
}

// The weights by their names, as matrices, row after row; null where a model has none.
export class Params {
  constructor(
    private readonly of: Setting,
    private readonly flat: Float64Array,
  ) {}

  get W_E(): Float64Array {
    return this.named('W_E')!
  }

  get W_pos(): Float64Array | null {
    return this.named('W_pos')
  }

  get W_U(): Float64Array | null {
    return this.named('W_U')
  }

  // [d_model, d_head]
  W_Q(layer: number, head: number): Float64Array {
    return this.ofHead('W_Q', layer, head)!
  }

  W_K(layer: number, head: number): Float64Array {
    return this.ofHead('W_K', layer, head)!
  }

  // [d_model, d_model], or [d_model, d_head] where there is a W_O
  W_V(layer: number, head: number): Float64Array {
    return this.ofHead('W_V', layer, head)!
  }

  W_O(layer: number, head: number): Float64Array | null {
    return this.ofHead('W_O', layer, head)
  }

  private named(name: WeightName): Float64Array | null {
    const found = this.of.weights.get(name)
    return found ? this.flat.subarray(found.start, found.start + found.axes.reduce((product, side) => product * side, 1)) : null
  }

  private ofHead(name: WeightName, layer: number, head: number): Float64Array | null {
    const whole = this.named(name)
    const { n_layers, n_heads } = this.of.problem.shape
    return whole && row(whole, layer * n_heads + head, whole.length / (n_layers * n_heads))
  }
}

export class Subject {
  readonly setting: Setting
  readonly flat: Float64Array // float64, so that parts add up to their sum; all NaN where one is no finite number
  readonly params: Params
  readonly loss: Loss
  readonly finished: boolean
  readonly goal: number
  private readonly known: Partial<Found> = {}

  constructor(
    readonly kernel: Kernel,
    readonly corpus: Corpus,
    readonly model: ModelConfig,
    weights: Real,
    { loss = 'softmax', finished = true, goal = 1 }: More = {},
    clean?: { logits?: Float64Array; patterns?: Float64Array },
  ) {
    this.setting = Setting.of(kernel, corpus, model)
    this.flat = sound(weights)
    this.params = new Params(this.setting, this.flat)
    this.loss = loss
    this.finished = finished
    this.goal = goal
    this.clean = new Clean(this.setting, this.flat, clean)
  }

  readonly clean: Clean
  readonly adjoints = new Map<string, Float64Array>() // those that are known already; see parts/coding.ts

  get problem(): Problem {
    return this.setting.problem
  }

  get dependencies(): readonly Dependency[] {
    return this.setting.dependencies
  }

  // [sequence, position, d_vocab]
  get probabilities(): Float64Array {
    return this.once('probabilities', () => this.kernel.softmax(this.clean.every, this.corpus.d_vocab))
  }

  // Wherever a token with several targets stands, all probabilities are the same, to 5 points.
  goesByTokenAlone(token: number): boolean {
    return this.once('alone', () => this.ofOpen((of) => this.isAlone(of))).get(token) ?? false
  }

  // Wherever a token with several targets stands, the loss is about what the token alone would leave.
  nearBigram(token: number): boolean {
    return this.once('near', () => this.ofOpen((of) => this.isNear(of))).get(token) ?? false
  }

  // Tokens in an order that the vocabulary's does not decide: by their highest probability, then by spelling.
  inOrder(tokens: Iterable<number>): number[] {
    const found = [...tokens]
    if (found.length < 2) return found
    const highest = this.once('highest', () => this.highestOf())
    const { vocabulary } = this.corpus
    return found.sort((one, other) => highest[other] - highest[one] || inCodePoints(vocabulary[one], vocabulary[other]))
  }

  // The training did not diverge, and every logit is a finite number.
  get finite(): boolean {
    return this.once('finite', () => this.finished && this.everyPlace((at) => this.placeOf(this.clean.every, at).every(Number.isFinite)))
  }

  get lead(): number | null {
    return this.once('lead', () => decisiveLead(this.judged))
  }

  get solved(): boolean {
    return this.finite && (this.lead === null || this.lead > TIE)
  }

  get grade(): string {
    return this.once('grade', () => gradeOf(this.judged, this.finite))
  }

  // In nats per position with a target.
  get meanLoss(): number {
    return this.once('meanLoss', () => meanLoss(this.corpus, this.loss, this.clean.every, this.probabilities))
  }

  private get judged(): Judged {
    return { logits: this.clean.every, corpus: this.corpus, resolvable: this.setting.resolvable, goal: this.goal }
  }

  private isAlone(token: number): boolean {
    const rows = this.setting.placesOf(token).map(({ sequence, position }) => this.probabilitiesAt(sequence, position))
    for (let of = 0; of < this.corpus.d_vocab; of++) {
      const values = rows.map((row) => row[of])
      if (!(Math.max(...values) - Math.min(...values) <= THRESHOLDS.same)) return false
    }
    return true
  }

  private isNear(token: number): boolean {
    const places = this.setting.placesOf(token)
    const mean = (of: (place: (typeof places)[number]) => number) => -meanOf(this.kernel.log(Float64Array.from(places, of)))
    const bigram = mean(({ target }) => this.corpus.bigramProbability(token, target))
    const loss = mean(({ sequence, position, target }) => this.probabilitiesAt(sequence, position)[target])
    return Math.abs(loss - bigram) <= THRESHOLDS.near_bigram * bigram
  }

  private ofOpen(is: (token: number) => boolean): Map<number, boolean> {
    return new Map(this.setting.open.map((token) => [token, is(token)]))
  }

  private highestOf(): number[] {
    const { d_vocab } = this.corpus
    const highest = new Array<number>(d_vocab).fill(-Infinity)
    this.everyPlace((at) => {
      const row = this.placeOf(this.probabilities, at)
      for (let token = 0; token < d_vocab; token++) highest[token] = Math.max(highest[token], row[token])
      return true
    })
    return highest.map((share) => Math.round(share * 1e6) / 1e6)
  }

  probabilitiesAt(sequence: number, position: number): Float64Array {
    return this.placeOf(this.probabilities, sequence * this.corpus.n_ctx + position)
  }

  private placeOf(values: Float64Array, at: number): Float64Array {
    return row(values, at, this.corpus.d_vocab)
  }

  // Whether something is so wherever there is a token.
  private everyPlace(is: (at: number) => boolean): boolean {
    return this.problem.tokens.every((token, at) => token < 0 || is(at))
  }

  private once<N extends keyof Found>(name: N, find: () => Found[N]): Found[N] {
    if (!(name in this.known)) this.known[name] = find()
    return this.known[name] as Found[N]
  }

  // What the embeddings of a sequence put into the residual stream, [position, d_model]; zeros at padding.
  embeds(sequence: number): Float64Array {
    const known = this.once('embeds', () => [])
    return (known[sequence] ??= this.embedded(this.corpus.tokens[sequence]))
  }

  private embedded(tokens: readonly number[]): Float64Array {
    const { W_E, W_pos } = this.params
    const { d_model } = this.problem.shape
    const found = new Float64Array(tokens.length * d_model)
    tokens.forEach((token, at) => {
      if (token < 0) return
      const into = row(found, at, d_model)
      into.set(row(W_E, token, d_model))
      if (W_pos) for (let axis = 0; axis < d_model; axis++) into[axis] += W_pos[at * d_model + axis]
    })
    return found
  }

  // A sequence's number; what exists is listed.
  sequence(number: unknown): number {
    if (isIndex(number, this.corpus.n_sequences)) return number
    const sentences = this.corpus.sentences.map((words, at) => `${at} ${words.join(' ')}`)
    throw new Problems(problem(`the sequence must be one of: ${listing(sentences, '; ')}; got ${shortRepr(number)}`))
  }

  // A position by its number or by a word that the sentence holds once.
  position(sequence: number, position: unknown): number {
    const words = this.corpus.sentences[sequence]
    if (isIndex(position, words.length)) return position
    const found = words.filter((word) => word === position)
    if (found.length === 1) return words.indexOf(found[0])
    const known = listing(words.map((word, at) => `${at} ${word}`))
    const why = found.length ? ' (which is there more than once: give its number)' : ''
    throw new Problems(problem(`the position must be one of ${known}; got ${shortRepr(position)}${why}`))
  }

  // A token's id by its spelling, its label or its id.
  token(token: unknown): number {
    for (const names of [this.corpus.vocabulary, this.corpus.labels]) {
      const found = names.indexOf(token as string)
      if (found >= 0) return found
    }
    if (isIndex(token, this.corpus.d_vocab)) return token
    throw new Problems(problem(`the token must be one of ${listing(this.corpus.vocabulary)}; got ${shortRepr(token)}`))
  }

  layerAndHead(layer: unknown, head: unknown): [number, number] {
    const { n_layers, n_heads } = this.model
    const index = (name: string, value: unknown, count: number) => {
      if (isIndex(value, count)) return value
      throw new Problems(problem(`the ${name} must be ${numbersTo(count)}, got ${shortRepr(value)}`))
    }
    return [index('layer', layer, n_layers), index('head', head, n_heads)]
  }
}

interface Found {
  probabilities: Float64Array
  alone: Map<number, boolean>
  near: Map<number, boolean>
  highest: number[]
  embeds: Float64Array[]
  finite: boolean
  lead: number | null
  grade: string
  meanLoss: number
}

// Many models of one shape: what they predict, in one look. weights [run, weight]
export function subjectsOf(kernel: Kernel, corpus: Corpus, model: ModelConfig, weights: Real, more: readonly More[] = []): Subject[] {
  const setting = Setting.of(kernel, corpus, model)
  const { problem, cases, size } = setting
  const runs = weights.length / size
  const one = (run: number) => weights.subarray(run * size, (run + 1) * size)
  const flat = new Float64Array(weights.length)
  for (let run = 0; run < runs; run++) flat.set(sound(one(run)), run * size)
  const few = runs * sizeOfPatterns(setting) <= AT_ONCE
  const { logits, pattern } = kernel.look(problem, flat, cases, few ? ['logits', 'pattern'] : ['logits']) as Partial<
    Record<string, Float64Array>
  >
  const part = (of: Float64Array | undefined, run: number) => of && row(of, run, of.length / runs)
  return Array.from({ length: runs }, (_, run) => {
    const clean = { logits: part(logits, run), patterns: part(pattern, run) }
    return new Subject(kernel, corpus, model, one(run), more[run], clean)
  })
}

// What a run diverged to would meet itself as inf - inf or 0 · inf in every product; NaN stays NaN.
function sound(weights: Real): Float64Array {
  const flat = new Float64Array(weights)
  return flat.every(Number.isFinite) ? flat : flat.fill(NaN)
}

const meanOf = (numbers: Float64Array) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length

const isIndex = (value: unknown, count: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < count

// What the numbers below `count` are, in words.
export const numbersTo = (count: number): string => (count === 1 ? '0' : `from 0 to ${count - 1}`)
