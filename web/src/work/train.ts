// A training in slices: a generator that says between them which share is done.

import { type Experiment, problemOf, recipeOf } from '../config/experiment'
import { stepsOf } from '../config/training'
import { LINK, problem, Problems } from '../errors'
import type { Recipe } from '../kernel/asked'
import type { Kernel, Seeds } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { Training, type Trained } from '../kernel/training'

// Some of many runs, trained.
export interface Portion {
  seeds: bigint[]
  weights: Real // [run, weight]
  losses: Real // [run]
  outcomes: readonly bigint[] // FINISHED, or the step at which it diverged
}

const SLICE_MS = 4
const MOST_SECONDS = 30 // for one run
const KNOWN_MS = 400 // after which it can be said how long one takes

export function* train(
  kernel: Kernel,
  experiment: Experiment,
  seeds: Seeds,
  kept: Omit<Recipe, 'phases'> = {},
): Generator<number, Trained> {
  const asked = problemOf(experiment)
  const weights = kernel.initial(asked, seeds, experiment.model.init_scale)
  const training = new Training(kernel, asked, recipeOf(experiment, kept), weights)
  const steps = stepsOf(experiment.training) * seeds.length
  let spent = 0 // milliseconds of its own: between slices other work may be done
  try {
    for (;;) {
      const began = performance.now()
      if (training.work(SLICE_MS)) return training.take()
      spent += performance.now() - began
      const share = Number(training.read().run_steps) / steps
      check(spent, share, seeds.length)
      yield share
    }
  } finally {
    training.end()
  }
}

// What takes too long for a page is given up as soon as that is known.
function check(milliseconds: number, share: number, runs: number) {
  if (milliseconds < KNOWN_MS || share <= 0) return
  const seconds = milliseconds / share / runs / 1000
  if (seconds <= MOST_SECONDS) return
  const about = seconds < 120 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} minutes`
  const said = `one run must take at most ${MOST_SECONDS} s in the lab, and this one would take about ${about} here`
  const wrong = problem(`${said}: take fewer steps, or a smaller model or corpus, or a shell`)
  throw new Problems({ ...wrong, command: `headlab train '${LINK}'` })
}
