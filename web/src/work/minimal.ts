// How many explanations a run has, as a frame: every minimal set of parts that suffices, worked out in pieces.

import { dependenciesOf } from '../analysis/choice'
import { calledOf, MEANING, minimalSets, saidOf } from '../analysis/minimal/minimal_sets'
import type { Subject } from '../analysis/subject'
import type { Minimal } from '../protocol'

// Yields the share of the work that is done; throws the problem where there is nothing to explain.
export function* minimalFrame({ subject }: { subject: Subject }): Generator<number, Minimal> {
  const found = yield* minimalSets(subject, dependenciesOf(subject))
  const rows = found.toList().map((row) => {
    const { sequence, position, target, ablation, monotone, left, parts, in_words: sets } = row
    return { sequence, position, target, ablation, monotone, left, tried: parts.length, sets, called: calledOf(row), said: saidOf(row) }
  })
  return { kind: 'minimal', id: 0, values: { meaning: MEANING, rows }, arrays: {} }
}
