// Trained runs of a problem, as both sides look at them.

import { explain, type Explanation } from '../../src/analysis/explanation/explanation'
import { Subject } from '../../src/analysis/subject'
import { type Experiment, experimentOf, problemOf, recipeOf } from '../../src/config/experiment'
import { inForce, stepsOf } from '../../src/config/training'
import { Problems } from '../../src/errors'
import type { Loss, Problem } from '../../src/kernel/asked'
import type { Kernel } from '../../src/kernel/kernel'
import type { Recorded } from '../../src/work/picture'
import { FINISHED, Training, type Trained } from '../../src/kernel/training'
import { kernel } from '../kernel/module'
import type { Line } from './lines'

// A problem and its runs with some seeds, every kept moment included.
export class Twins {
  readonly kernel: Kernel = kernel
  readonly problem: Problem
  readonly moments: number[]
  readonly size: number // weights of a run
  readonly trained: Trained
  readonly experiment: Experiment

  constructor(readonly line: Line) {
    this.moments = (line.said.asked as { moments: number[] }).moments
    this.experiment = experimentOf(line.fields)
    this.problem = problemOf(this.experiment)
    this.size = kernel.size(this.problem.shape)
    const recorded = Array.from({ length: this.moments[this.moments.length - 1] }, (_, step) => step)
    const recipe = recipeOf(this.experiment, { recorded, snapshots: this.moments })
    const weights = kernel.initial(this.problem, line.seeds, this.experiment.model.init_scale)
    const training = new Training(kernel, this.problem, recipe, weights)
    while (!training.work(Infinity)) continue
    this.trained = training.take()
    training.end()
  }

  get loss(): Loss {
    const { training } = this.experiment
    return inForce(training, stepsOf(training)).loss
  }

  get each(): Twin[] {
    return this.line.seeds.map((_, number) => new Twin(this, number))
  }
}

// One run of a problem.
export class Twin {
  constructor(
    readonly twins: Twins,
    readonly number: number,
  ) {}

  get outcome(): bigint {
    return this.twins.trained.outcome[this.number]
  }

  get finalLoss(): number {
    return this.twins.trained.final_loss[this.number]
  }

  get weights(): Float32Array {
    return this.of('weights') as Float32Array
  }

  // What there is of this run in what holds that of all, run after run.
  of<Numbers extends 'weights' | 'snapshots' | 'losses' | 'rates'>(name: Numbers): Trained[Numbers] {
    const every = this.twins.trained[name]
    const size = every.length / this.twins.line.seeds.length
    return every.subarray(this.number * size, (this.number + 1) * size)
  }

  get subject(): Subject {
    const { experiment, loss } = this.twins
    return (this.asked ??= new Subject(kernel, experiment.corpus, experiment.model, this.weights, {
      ...{ loss, finished: this.outcome === FINISHED, goal: experiment.goal },
    }))
  }

  private asked?: Subject

  // The run, and what it was at every kept moment.
  get recorded(): Recorded {
    const { twins, subject, outcome, finalLoss } = this
    const [weights, losses, rates] = (['snapshots', 'losses', 'rates'] as const).map((name) => this.of(name))
    const experiment = { ...twins.experiment, seed: BigInt(twins.line.seeds[this.number]) }
    return { kernel, experiment, moments: twins.moments, weights, losses, rates, finalLoss, outcome, subject }
  }

  // Its explanation; a sentence where the corpus has nothing to explain.
  get explanation(): Explanation | string {
    return (this.explained ??= explainedOf(this))
  }

  private explained?: Explanation | string
}

function explainedOf({ subject, number }: Twin): Explanation | string {
  try {
    return explain(subject, number)
  } catch (error) {
    if (error instanceof Problems) return error.message
    throw error
  }
}
