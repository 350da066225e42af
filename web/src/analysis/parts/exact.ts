// What gives what in a model, exactly, by the kernel: what is asked, in its terms.

import type { Gives, Known } from '../../kernel/kernel'
import type { Path } from '../../model/paths'
import type { Place } from '../choice'
import type { Subject } from '../subject'

// How much each token's logit counts in logit(target) - mean over rivals of logit(rival).
export function compared(d_vocab: number, target: number, rivals: readonly number[]): Float64Array {
  const readout = new Float64Array(d_vocab)
  readout[target] += 1
  for (const rival of rivals) readout[rival] -= 1 / rivals.length
  return readout
}

// What token and position embeddings give along each path, by the position at which it starts: [path, source] each.
export function along(subject: Subject, place: Place, readout: Float64Array, paths: readonly Path[]) {
  const numbers = paths.map((path) => {
    const heads = new Array<number>(subject.model.n_layers).fill(-1)
    for (const [layer, head] of path) heads[layer] = head
    return heads
  })
  return parts(subject, place, readout, ['token', 'position'], { numbers })
}

// What a vector before each layer, and after the last, adds to the readout, [layers + 1, position, d_model].
// pattern: another one of the place's sequence [layer, head, query, key]
export function adjoints(subject: Subject, place: Place, readout: Float64Array, pattern?: Float64Array): Float64Array {
  return parts(subject, place, readout, ['adjoint'], { pattern }).adjoint
}

// The same of many models of one setting, in one call.
export function adjointsOfMany(subjects: readonly Subject[], { sequence, position }: Place, readout: Float64Array): Float64Array[] {
  const [{ kernel, problem, flat }] = subjects
  const weights = new Float64Array(subjects.length * flat.length)
  subjects.forEach((subject, run) => weights.set(subject.flat, run * flat.length))
  const { adjoint } = kernel.parts(problem, weights, { sequence, at: position }, readout, ['adjoint'])
  const size = adjoint.length / subjects.length
  return subjects.map((_, run) => adjoint.subarray(run * size, (run + 1) * size))
}

// What is read along each edge of the place's sentence, seen through all behind it, [layer, head, query, key].
export const edges = (subject: Subject, place: Place, readout: Float64Array): Float64Array =>
  parts(subject, place, readout, ['edge'], {}).edge

// The scores of a layer's heads, before the mask, as sums over features: [head, query, key, query feature, key feature].
export function scoreParts(subject: Subject, layer: number, queries: readonly Place[], keys: readonly Place[]): Float64Array {
  const at = (places: readonly Place[]) => places.map(({ sequence, position }) => ({ sequence, at: position }))
  return subject.kernel.scoreParts(subject.problem, subject.flat, layer, at(queries), at(keys))
}

function parts<W extends Gives>(
  { kernel, problem, flat, clean }: Subject,
  { sequence, position }: Place,
  readout: Float64Array,
  wanted: readonly W[],
  { numbers = [], pattern = clean.patterns(sequence) }: { numbers?: number[][]; pattern?: Float64Array },
): Record<W, Float64Array> {
  const known: Known = { patterns: pattern, ofPlace: true }
  return kernel.parts(problem, flat, { sequence, at: position }, readout, wanted, numbers, known)
}
