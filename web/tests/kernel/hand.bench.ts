// What a hand on a setting waits for: a run trained with a hundred of its moments kept, what it sees and says at each, and why.

import { bench, describe } from 'vitest'
import type { Case } from '../../src/kernel/asked'
import { Training } from '../../src/kernel/training'
import { seedsTo } from './golden'
import { kernel } from './module'
import { NOTEBOOK, PATIENCE } from './speed'

const MOMENTS = 101
const { problem, recipe } = NOTEBOOK
const steps = recipe.phases.reduce((sum, phase) => sum + phase.steps, 0)
const snapshots = seedsTo(MOMENTS).map((nth) => Math.round((nth * steps) / (MOMENTS - 1)))
const recorded = seedsTo(steps).filter((step) => step % 13 === 0)

function trained(seed: number) {
  const training = new Training(kernel, problem, { ...recipe, snapshots, recorded }, kernel.initial(problem, [seed]))
  while (!training.work(8)) continue
  const found = training.take()
  training.end()
  return found
}

const exact = { ...problem, type: 'float64' as const }
const known = trained(0)
const weights = Float64Array.from(known.weights)
const trials = seedsTo(30).map((nth): Case => ({
  sequence: nth % 2,
  at: 3,
  edits: [{ what: 'edge', how: nth < 16 ? 'zero' : 'mean', at: 3, key: nth % 4 }],
}))

describe('one hand', () => {
  const patient = { time: PATIENCE }
  bench(`the notebook's run, ${MOMENTS} moments kept`, () => void trained(1), patient)
  bench('patterns and logits at all moments', () => void kernel.activations(problem, known.snapshots, ['pattern', 'logits']), patient)
  bench('everything that it computes in the end', () => void kernel.activations(exact, weights), patient)
  bench('30 trials', () => void kernel.look(exact, weights, trials, ['logits']), patient)
})
