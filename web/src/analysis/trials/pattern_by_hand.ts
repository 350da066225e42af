// Set the attention pattern of a head by hand, and see what the model predicts then.

import { problem, Problems } from '../../errors'
import type { Edit } from '../../kernel/asked'
import { general, numberText, shortRepr } from '../../notation/values'
import type { Choice } from '../choice'
import type { Subject } from '../subject'
import { type Effects, effectsOf } from './effects'

// By position or word, in the order in which they are named.
export type Weights = readonly (readonly [place: number | string, weight: unknown])[]

export interface RowOf {
  layer?: unknown // 0 unless given, as head
  head?: unknown
  query?: unknown // whose row; left out: the position that the choice is at
}

// Set a row of a head's pattern by hand and return what that does to the choice.
//
// weights: those left out are 0; they must sum to 1. Throws the problem of what does not exist.
export function setPattern(subject: Subject, choice: Choice, weights: Weights, { layer = 0, head = 0, query }: RowOf = {}): Effects {
  const { sequence, position } = choice.place
  const at = query == null ? position : subject.position(sequence, query)
  const [ofLayer, ofHead] = subject.layerAndHead(layer, head)
  const given = patternRow(subject, sequence, at, weights)
  const change: Edit = { what: 'pattern', how: 'given', layer: ofLayer, head: ofHead, at, given }
  const words = weights.map(([place, weight]) => `${place} ${general(weight as number)}`).join(', ')
  const groups = [[[{ sequence, changes: () => [change] }]]]
  return effectsOf(subject, choice, [`pattern ${words}`], groups, ['set'], [choice.place])
}

// A row of a pattern from weights by position or word, the others 0.
export function patternRow(subject: Subject, sequence: number, query: number, weights: Weights): Float64Array {
  const row = new Float64Array(subject.corpus.n_ctx)
  for (const [place, weight] of weights) {
    const key = subject.position(sequence, place)
    if (subject.model.causal && key > query)
      throw new Problems(problem(`a key must be at or before its query under the causal mask, got position ${key} for ${query}`))
    if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1)) {
      const got = typeof weight === 'number' ? numberText(weight, true) : shortRepr(weight)
      throw new Problems(problem(`a weight must be a number from 0 to 1, got ${got} for ${shortRepr(place)}`))
    }
    row[key] = weight
  }
  const sum = row.reduce((one, other) => one + other, 0)
  if (Math.abs(sum - 1) > 1e-6)
    throw new Problems(problem(`the weights of a pattern's row must sum to 1, got ${general(sum)}: give all of them`))
  return row
}
