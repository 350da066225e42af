// Do something in the middle of a forward pass: what becomes of the prediction is the proof.

import type { Edit } from '../../kernel/asked'
import type { Subject } from '../subject'

// What is done to one sentence, as changes while a model computes (what each is, kernel/headlab.h says).
export interface Intervention {
  readonly sequence: number
  changes(subject: Subject): Edit[]
}

export const STAYS = -2 // in an edit's `there`: what is here stays

// The logits of each intervention's sentence at its place, [intervention, d_vocab]; all of them in one call.
export function intervene(subject: Subject, interventions: readonly Intervention[], places: readonly number[]): Float64Array {
  if (!interventions.length) return new Float64Array(0)
  const cases = interventions.map((item, nth) => ({ sequence: item.sequence, at: places[nth], edits: item.changes(subject) }))
  return subject.kernel.look(subject.problem, subject.flat, cases, ['logits']).logits as Float64Array
}
