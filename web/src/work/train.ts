// A training in slices: a generator that says between them which share is done.

import { type Experiment, problemOf, recipeOf } from '../config/experiment'
import { stepsOf } from '../config/training'
import { LINK, problem, Problems } from '../errors'
import { SECONDS, workOf } from './cost'
import type { Recipe } from '../kernel/asked'
import type { Kernel, Seeds } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { Training, type Trained } from '../kernel/training'
import { grouped } from '../notation/numbers'

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
const MOST_OF_A_STEP = 0.1 // seconds, where it is the page itself that works and cannot be interrupted

export function* train(
  kernel: Kernel,
  experiment: Experiment,
  seeds: Seeds,
  kept: Omit<Recipe, 'phases'> = {},
): Generator<number, Trained> {
  const asked = problemOf(experiment)
  checkBefore(experiment)
  yield 0
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
  if (seconds > MOST_SECONDS) throw tooLong('one run', MOST_SECONDS, seconds, 'fewer steps, or ')
}

// What would take too long on any machine is not begun.
function checkBefore(experiment: Experiment) {
  const [step, steps] = [workOf(experiment), stepsOf(experiment.training)]
  if (steps * step * SECONDS.least > MOST_SECONDS) throw tooLong('one run', MOST_SECONDS, steps * step * SECONDS.about, 'fewer steps, or ')
  const alone = typeof document !== 'undefined' // no worker, as the page has none
  if (alone && step * SECONDS.about > MOST_OF_A_STEP)
    throw tooLong('a step', MOST_OF_A_STEP, step * SECONDS.about, '', 'this browser, which lets the page have no worker')
}

function tooLong(what: string, most: number, seconds: number, first: string, where = 'the lab') {
  const minutes = seconds / 60
  const about =
    minutes < 2
      ? `${seconds.toFixed(seconds < 2 ? 1 : 0)} s`
      : minutes < 120
        ? `${minutes.toFixed(0)} minutes`
        : `${grouped(Math.round(minutes / 60))} hours`
  const said = `${what} must take at most ${most} s in ${where}, and this one would take about ${about} here`
  const wrong = problem(`${said}: take ${first}a smaller model or corpus, or a shell`)
  return new Problems({ ...wrong, command: `headlab train '${LINK}'` })
}
