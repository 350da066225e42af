// Many runs beside each other, as a frame: loss, grade, mechanism and pattern of each.

import { MECHANISMS, mechanismsOf } from '../analysis/parts/mechanism'
import { subjectsOf } from '../analysis/subject'
import { type Experiment, seedValue } from '../config/experiment'
import { inForce, stepsOf } from '../config/training'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { FINISHED } from '../kernel/training'
import type { Seeds } from '../protocol'
import { numbers } from './picture'

const MOST_SENTENCES = 2 // whose pattern is drawn, of the first head

// Trained runs: the losses are those of their ends.
export interface Portion {
  seeds: readonly bigint[]
  weights: Real // [run, weight]
  losses: Real // [run]
  outcomes: readonly bigint[]
}

const AT_ONCE = 250_000 // numbers of many runs

// Of trained runs, some at a time; `of` is how many there are.
export function* seedsFrame(kernel: Kernel, experiment: Experiment, portion: Portion): Generator<void, Seeds> {
  const { corpus, model, training, goal } = experiment
  const { seeds, weights, losses, outcomes } = portion
  const { loss } = inForce(training, stepsOf(training))
  const more = outcomes.map((outcome) => ({ loss, goal, finished: outcome === FINISHED }))
  const { n_ctx, n_sequences, d_vocab } = corpus
  const [shown, size, n_weights] = [Math.min(n_sequences, MOST_SENTENCES), n_ctx ** 2, weights.length / seeds.length]
  const each = n_sequences * n_ctx * Math.max(d_vocab, model.n_layers * model.n_heads * n_ctx) + n_weights
  const together = Math.max(1, Math.floor(AT_ONCE / each))
  const patterns = new Float32Array(seeds.length * shown * size)
  const [solved, grade, mechanism]: [boolean[], string[], string[]] = [[], [], []]
  for (let first = 0; first < seeds.length; first += together) {
    const some = weights.subarray(first * n_weights, (first + together) * n_weights)
    const subjects = subjectsOf(kernel, corpus, model, some, more.slice(first))
    mechanism.push(...(yield* mechanismsOf(subjects)))
    subjects.forEach((subject, nth) => {
      solved.push(subject.solved)
      grade.push(subject.grade)
      for (let sentence = 0; sentence < shown; sentence++) {
        patterns.set(subject.clean.patterns(sentence).subarray(0, size), ((first + nth) * shown + sentence) * size)
      }
    })
    yield
  }
  return {
    kind: 'seeds',
    id: 0,
    values: { of: seeds.length, seed: seeds.map(seedValue) as (number | string)[], solved, grade, mechanism, order: MECHANISMS },
    arrays: { loss: numbers(losses, seeds.length), pattern: numbers(patterns, seeds.length, shown, n_ctx, n_ctx) },
  }
}
