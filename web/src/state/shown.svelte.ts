// What is on the screen: the frames that have come, as one looks at them.

import { numbersAt, rows } from '../frames'
import { softmax } from '../maths'
import { sigmoid } from '../model/outputs'
import type { Choice, Corpus, Explained, Picture, Seeds, Sizes, Trial, Value, Way, Why } from '../protocol'
import type { Looking, Range } from './look.svelte'

// Where a click asked for a trial.
export type Where = 'pattern' | 'part' | 'patch'

export class Shown {
  picture = $state.raw<Picture | null>(null)
  why = $state.raw<Why | null>(null)
  seeds = $state.raw<Seeds | null>(null)
  sizes = $state.raw<Sizes | null>(null)
  trial = $state.raw<Trial['values'] | null>(null)
  tried = $state.raw<{ where: Where } | null>(null) // what the trial was of: its table stands there

  constructor(private looking: Looking) {}

  get range(): Range | null {
    if (!this.picture) return null
    const { n_layers, n_heads } = this.picture.values
    return {
      lengths: this.sentences.map((tokens) => tokens.length),
      layers: n_layers,
      heads: n_heads,
      moments: this.moments.length,
    }
  }

  // Whether this run of the many is the one that is shown.
  isOpen({ seed }: { seed: Value }): boolean {
    return seed === this.picture?.values.seed
  }

  get corpus(): Corpus | null {
    return this.picture?.values.corpus ?? null
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
    return this.looking.look.moment < 0 ? this.moments.length - 1 : this.looking.look.moment
  }

  get atEnd(): boolean {
    return this.moment === this.moments.length - 1
  }

  // The recorded loss nearest to the moment.
  get loss(): number {
    const { loss_step, loss } = this.picture!.arrays
    const step = this.moments[this.moment]
    let best = 0
    for (let at = 1; at < loss_step.data.length; at++)
      if (Math.abs(loss_step.data[at] - step) < Math.abs(loss_step.data[best] - step)) best = at
    return loss.data[best] ?? NaN
  }

  // The position that is looked at: the chosen one, or that of the sentence's first dependency.
  get query(): number {
    const { sequence, query } = this.looking.look
    return query >= 0 ? query : (this.firstDependency(sequence) ?? this.corpus!.tokens[sequence].length - 1)
  }

  firstDependency(sequence: number): number | undefined {
    return this.corpus!.dependencies.find((item) => item.sequence === sequence && item.resolvable)?.position
  }

  pattern(sequence: number, moment = this.moment): number[][] {
    const { layer, head } = this.looking.look
    const length = this.corpus!.tokens[sequence].length
    return rows(numbersAt(this.picture!.arrays.pattern, moment, layer, head, sequence))
      .slice(0, length)
      .map((row) => row.slice(0, length))
  }

  outputs(sequence: number, moment = this.moment): number[][] {
    const length = this.corpus!.tokens[sequence].length
    const logits = rows(numbersAt(this.picture!.arrays.logits, moment, sequence)).slice(0, length)
    return logits.map((row) => (this.looking.look.output === 'sigmoid' ? row.map(sigmoid) : softmax(row)))
  }

  // Why: null before it is known, and where there is nothing to explain.
  get explained(): Explained | null {
    return this.why && this.why.values.none === undefined ? this.why.values : null
  }

  get nothing(): string {
    return this.why?.values.none ?? ''
  }

  // Whether the explanation is that of the picture.
  get isExplained(): boolean {
    return this.explained !== null && this.why?.id === this.picture?.id
  }

  get choices(): Choice[] {
    return this.explained?.dependencies ?? []
  }

  // Whether something is to be chosen between where one looks.
  get hasChoice(): boolean {
    return this.choicesHere >= 0
  }

  // The choice where one looks; else one of the same sentence, else the first.
  get choiceAt(): number {
    const near = this.choices.findIndex((item) => item.sequence === this.looking.look.sequence)
    return this.hasChoice ? this.choicesHere : Math.max(0, near)
  }

  private get choicesHere(): number {
    return this.choices.findIndex((item) => item.sequence === this.looking.look.sequence && item.place === this.query)
  }

  get choice(): Choice | null {
    return this.choices[this.choiceAt] ?? null
  }

  // How the chosen logit difference can be told apart.
  get ways(): Way[] {
    return Object.keys(this.why?.arrays ?? {}) as Way[]
  }

  get way(): Way {
    const { by } = this.looking.look
    return this.ways.includes(by) ? by : 'source'
  }

  // Its parts at a moment: direct token, direct position, then one a source position, a head or a path. Until the reasons of a picture
  // have come, those of before stay, which hold the end at least: what is pressed meanwhile is there still.
  contributions(way: Way, moment = this.moment): number[] {
    const numbers = this.why?.arrays[way]
    if (!numbers || !this.choice) return []
    const [known, last] = [numbers.shape[0], this.moments.length - 1]
    const at = moment === last ? known - 1 : known - 1 === last ? moment : -1
    return at < 0 ? [] : Array.from(numbersAt(numbers, at, this.choiceAt).data)
  }
}
