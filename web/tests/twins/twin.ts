// Trained runs of a problem, as both sides look at them.

import { Subject } from '../../src/analysis/subject'
import { type Experiment, experimentOf } from '../../src/config/experiment'
import { inForce, stepsOf } from '../../src/config/training'
import type { Loss, Phase, Problem, Shape } from '../../src/kernel/asked'
import type { Kernel } from '../../src/kernel/kernel'
import { FINISHED, Training, type Trained } from '../../src/kernel/training'
import { kernel } from '../kernel/module'
import type { Line } from './lines'

interface Asked {
  shape: Shape
  tokens: number[][]
  targets: number[][]
  scale: number
  phases: Phase[]
  moments: number[]
}

// A problem and its runs with some seeds, every kept moment included.
export class Twins {
  readonly kernel: Kernel = kernel
  readonly problem: Problem
  readonly moments: number[]
  readonly size: number // weights of a run
  readonly trained: Trained
  readonly experiment: Experiment

  constructor(readonly line: Line) {
    const { shape, tokens, targets, scale, phases, moments } = line.said.asked as unknown as Asked
    const ids = { tokens: Int32Array.from(tokens.flat()), targets: Int32Array.from(targets.flat()) }
    this.problem = { shape, type: 'float32', ...ids }
    this.moments = moments
    this.experiment = experimentOf(line.fields)
    this.size = kernel.size(shape)
    const training = new Training(kernel, this.problem, { phases, snapshots: moments }, kernel.initial(this.problem, line.seeds, scale))
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
    const { size, trained } = this.twins
    return trained.weights.subarray(this.number * size, (this.number + 1) * size) as Float32Array
  }

  get subject(): Subject {
    const { experiment, loss } = this.twins
    return (this.asked ??= new Subject(kernel, experiment.corpus, experiment.model, this.weights, {
      ...{ loss, finished: this.outcome === FINISHED, goal: experiment.goal },
    }))
  }

  private asked?: Subject
}
