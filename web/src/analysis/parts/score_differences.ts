// How the scores of two rows differ, part by part: which feature of the query, with which feature of which key.

import { type Feature, featuresOf, type Head } from '../../model/paths'
import type { Place } from '../choice'
import type { Subject } from '../subject'
import { add, addProduct, addScaled } from '../vectors'
import { scoreParts } from './exact'

// What the features of two rows' queries and keys make the scores of the last layer differ by.
// slots: the positions of each, here and there
export class Differences {
  readonly features: readonly Feature[] // what the residual stream consists of before the last layer
  readonly byKey: Float64Array // [head, slot, query feature, key feature]: what the keys make of it, for the mean query
  readonly byQuery: Float64Array // what the query makes of it, for the mean keys, without what it adds to all keys alike
  readonly heads: number
  private readonly last: number

  constructor(
    readonly subject: Subject,
    readonly here: Place,
    readonly there: Place,
    readonly slots: readonly (readonly [number, number])[],
  ) {
    const { model } = subject
    this.last = model.n_layers - 1
    this.heads = model.n_heads
    this.features = featuresOf(model)
    const keys = [here, there].flatMap(({ sequence }, side) => slots.map((slot) => ({ sequence, position: slot[side] })))
    const [n, pairs] = [slots.length, this.features.length ** 2]
    const scores = scoreParts(subject, this.last, [here, there], keys) // [head, query, key, query feature, key feature]
    this.byKey = new Float64Array(this.heads * n * pairs)
    this.byQuery = new Float64Array(this.heads * n * pairs)
    for (let head = 0; head < this.heads; head++) {
      for (let at = 0; at < n * pairs; at++) {
        const of = (query: number, side: number) => scores[((head * 2 + query) * 2 + side) * n * pairs + at]
        this.byKey[head * n * pairs + at] = (of(0, 0) + of(1, 0)) / 2 - (of(0, 1) + of(1, 1)) / 2
        this.byQuery[head * n * pairs + at] = (of(0, 0) - of(1, 0) + (of(0, 1) - of(1, 1))) / 2
      }
    }
    overKeys(this.byQuery, this.heads, n)
  }

  // The scores of a feature of the mean query, or of all of it, with some vectors as keys, [head][key].
  withKeys(feature: number | null, keys: readonly Float64Array[]): number[][] {
    const mean = this.meanStream(this.here, [this.here.position], this.there, [this.there.position]).map(([query]) => query)
    const asks = feature === null ? mean.slice(1).reduce((sum, part) => add(sum, part), mean[0].slice()) : mean[feature]
    return Array.from({ length: this.heads }, (_, head) => this.scoresOf(head, [asks], keys)[0])
  }

  // The scores of some vectors as queries with the mean keys, less their median over the slots, [head, slot, query, key feature].
  withQueries(queries: readonly Float64Array[]): Float64Array {
    const { heads, slots, features } = this
    const sides = [0, 1].map((side) => slots.map((slot) => slot[side]))
    const keys = this.meanStream(this.here, sides[0], this.there, sides[1])
    const found = new Float64Array(heads * slots.length * queries.length * features.length)
    for (let head = 0; head < heads; head++) {
      keys.forEach((ofFeature, feature) => {
        this.scoresOf(head, queries, ofFeature).forEach((row, query) =>
          row.forEach((score, slot) => {
            found[((head * slots.length + slot) * queries.length + query) * features.length + feature] = score
          }),
        )
      })
    }
    return overKeys(found, heads, slots.length)
  }

  // The mean of two places' features at some of their positions, [feature][position].
  private meanStream(here: Place, mine: readonly number[], there: Place, theirs: readonly number[]): Float64Array[][] {
    return this.features.map((feature) =>
      mine.map((position, nth) => {
        const sum = addScaled(
          this.featureAt(feature, here.sequence, position).slice(),
          this.featureAt(feature, there.sequence, theirs[nth]),
          1,
        )
        return sum.map((value) => value / 2)
      }),
    )
  }

  private featureAt(feature: Feature, sequence: number, position: number): Float64Array {
    const { params, clean, corpus, problem } = this.subject
    const { d_model } = problem.shape
    if (typeof feature !== 'string') return clean.z(feature[0], feature[1], sequence, position)
    const [table, at] = feature === 'token' ? [params.W_E, corpus.tokens[sequence][position]] : [params.W_pos, position]
    return table ? table.subarray(at * d_model, (at + 1) * d_model) : new Float64Array(d_model)
  }

  // [query][key]
  private scoresOf(head: number, queries: readonly Float64Array[], keys: readonly Float64Array[]): number[][] {
    const { params, problem } = this.subject
    const { d_head } = problem.shape
    const [W_Q, W_K] = [params.W_Q(this.last, head), params.W_K(this.last, head)]
    const [asked, held] = [
      queries.map((query) => addProduct(new Float64Array(d_head), query, W_Q)),
      keys.map((key) => addProduct(new Float64Array(d_head), key, W_K)),
    ]
    const scale = 1 / Math.sqrt(d_head)
    return asked.map((query) => held.map((key) => query.reduce((sum, value, at) => sum + value * key[at], 0) * scale))
  }
}

// Takes from scores [head, slot, …] their median over the slots.
function overKeys(scores: Float64Array, heads: number, slots: number): Float64Array {
  const rest = scores.length / (heads * slots)
  for (let head = 0; head < heads; head++) {
    for (let at = 0; at < rest; at++) {
      const place = (slot: number) => (head * slots + slot) * rest + at
      const values = Float64Array.from({ length: slots }, (_, slot) => scores[place(slot)]).sort()
      const half = slots >> 1
      const median = slots % 2 ? values[half] : (values[half - 1] + values[half]) / 2
      for (let slot = 0; slot < slots; slot++) scores[place(slot)] -= median
    }
  }
  return scores
}

// What a head writes at a place of what it reads from each of some positions.
export function readsOf(
  { clean, params, problem }: Subject,
  [layer, head]: Head,
  { sequence, position }: Place,
  sources: readonly number[],
): Float64Array[] {
  const pattern = clean.pattern(layer, head, sequence, position)
  const W_O = params.W_O(layer, head)
  return sources.map((source) => {
    const read = clean.v(layer, head, sequence, source).map((value) => value * pattern[source])
    return W_O ? addProduct(new Float64Array(problem.shape.d_model), read, W_O) : read
  })
}
