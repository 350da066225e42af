// What the kernel computes in float64 has the bits that it has natively: tests/native.py writes the hashes.
import { expect, it } from 'vitest'
import native from '../../../tests/data/native.json'
import type { Case, Edit } from '../../src/kernel/asked'
import type { Real } from '../../src/kernel/layout'
import { Training } from '../../src/kernel/training'
import { seedsTo, SETTINGS } from './golden'
import { kernel } from './module'

const sha256 = ({ buffer, byteOffset, byteLength }: Real) => kernel.sha256(new Uint8Array(buffer, byteOffset, byteLength))
const cases = native.cases.map(({ sequence, at, edits }) => ({
  sequence,
  at,
  edits: (edits as Record<string, unknown>[]).map(({ given, ...edit }) => ({ ...edit, ...rowOf(given, edit.at) }) as unknown as Edit),
}))
const everyPath = (layers: number, ways: number[]): number[][] =>
  layers ? ways.flatMap((way) => everyPath(layers - 1, ways).map((path) => [way, ...path])) : [[]]

// The kernel reads a pattern from the query on that it is given for.
function rowOf(given: unknown, at: unknown) {
  return given ? { given: Float64Array.from((given as number[][])[at as number]) } : {}
}

it.each(Object.entries(native.sha256))('%s: everything in float64 is what it is natively, to the bit', (name, wanted) => {
  const setting = SETTINGS.find((one) => one.name === name)!
  const problem = { ...setting.problem, type: 'float64' as const }
  const { n_heads, n_layers, residual } = problem.shape
  const weights = kernel.initial(problem, seedsTo(native.seeds), native.scale) as Float64Array
  const training = new Training(kernel, problem, { ...setting.recipe, recorded: native.recorded }, weights)
  while (!training.work(Infinity)) continue
  const { weights: trained, losses: recorded } = training.take()
  training.end()
  const { losses, gradient } = kernel.gradient(problem, 'softmax', weights)
  const { logits } = kernel.look(problem, weights, cases, ['logits'])
  const { pattern } = kernel.look(problem, weights, cases, ['pattern'])
  const everywhere = kernel.look(
    problem,
    weights,
    cases.map(({ sequence, edits }): Case => ({ sequence, edits })),
    ['logits'],
  )
  const asked = seedsTo(n_heads).flatMap((head) => native.reads.map((key) => ({ head, key })))
  const { reads } = kernel.look(problem, weights, [{ ...cases[0], reads: asked }], ['reads'])
  const place = { sequence: native.place[0], at: native.place[1] }
  const paths = everyPath(n_layers, [...(residual ? [-1] : []), ...seedsTo(n_heads)])
  const wishes = ['token', 'position', 'edge', 'adjoint', 'gradient', 'total'] as const
  const { gradient: parts_gradient, ...parts } = kernel.parts(problem, weights, place, Float64Array.from(native.readout), wishes, paths)
  const [queries, keys] = [native.queries, native.keys].map((of) => of.map((at) => ({ sequence: 0, at })))
  const score_parts = kernel.scoreParts(problem, weights, n_layers - 1, queries, keys)
  const computed = kernel.activations(problem, weights)
  const shares = kernel.softmax(computed.logits as Float64Array, problem.shape.d_vocab)
  const all = {
    weights,
    trained,
    recorded,
    losses,
    gradient,
    logits,
    pattern,
    everywhere: everywhere.logits,
    reads,
    ...parts,
    parts_gradient,
    score_parts,
    ...Object.fromEntries(Object.entries(computed).map(([name, numbers]) => [`clean_${name}`, numbers])),
    shares,
    logarithms: kernel.log(shares),
  }
  expect(Object.fromEntries(Object.entries(all).map(([name, numbers]) => [name, sha256(numbers)]))).toEqual(wanted)
})
