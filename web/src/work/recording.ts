// A trained run and what it was at every kept moment of its training; the last ones are kept, as questions about them follow.

import { type Subject, subjectsOf } from '../analysis/subject'
import type { Experiment } from '../config/experiment'
import { inForce, stepsOf } from '../config/training'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { FINISHED, type Trained } from '../kernel/training'
import { givenRun } from './given'
import { momentsOf } from './moments'
import { train } from './train'

const MOST_KEPT = 64
const MOST_NUMBERS_KEPT = 20_000_000 // that their moments hold together

export class Recording {
  readonly weights: Real // [moment, weight]; the last ones are the end's
  readonly losses: Real // [step]
  readonly rates: Real
  readonly finalLoss: number
  readonly outcome: bigint // FINISHED, or the step at which it diverged
  private end?: Subject[]
  private every?: Subject[]

  constructor(
    readonly kernel: Kernel,
    readonly experiment: Experiment,
    readonly moments: number[], // steps, the last one the end
    trained: Trained,
  ) {
    this.weights = trained.snapshots
    this.losses = trained.losses
    this.rates = trained.rates
    this.finalLoss = trained.final_loss[0]
    this.outcome = trained.outcome[0]
  }

  get finished() {
    return this.outcome === FINISHED
  }

  get n_weights() {
    return this.weights.length / this.moments.length
  }

  // The trained model; a picture needs no other.
  get subject(): Subject {
    const [subject] = (this.end ??= this.models(this.moments.length - 1))
    return subject
  }

  // One model a moment.
  get past(): readonly Subject[] {
    return (this.every ??= [...this.models(0).slice(0, -1), this.subject])
  }

  // Those from a moment on.
  private models(first: number): Subject[] {
    const { kernel, finished, experiment, n_weights } = this
    const { corpus, model, training, goal } = experiment
    const { loss } = inForce(training, stepsOf(training))
    const last = this.moments.length - 1 - first
    const more = this.moments.slice(first).map((_, moment) => ({ loss, goal, finished: finished || moment < last }))
    return subjectsOf(kernel, corpus, model, this.weights.subarray(first * n_weights), more)
  }

  at(moment: number): Subject {
    return this.past[moment]
  }

  // How many numbers its moments hold, about.
  get size() {
    const { corpus, model } = this.experiment
    return this.moments.length * corpus.n_sequences * corpus.n_ctx ** 2 * model.n_layers * model.n_heads * 4
  }
}

export class Kept {
  private readonly all = new Map<string, Recording>() // the newest last

  private get numbers() {
    return [...this.all.values()].reduce((sum, { size }) => sum + size, 0)
  }

  // key: equal for settings that train the same run
  *recording(kernel: Kernel, experiment: Experiment, key: string): Generator<number, Recording> {
    const kept = this.all.get(key)
    if (kept) return kept
    const steps = stepsOf(experiment.training)
    const snapshots = momentsOf(experiment, steps)
    const recorded = Array.from({ length: steps }, (_, step) => step)
    const trained = yield* train(kernel, experiment, [experiment.seed], { recorded, snapshots })
    return this.keep(key, new Recording(kernel, experiment, snapshots, trained))
  }

  // text: of its file
  given(kernel: Kernel, text: string): Recording {
    return this.all.get(text) ?? this.keep(text, new Recording(kernel, ...givenRun(kernel, text)))
  }

  private keep(key: string, made: Recording): Recording {
    this.all.set(key, made)
    while (this.all.size > MOST_KEPT || (this.all.size > 1 && this.numbers > MOST_NUMBERS_KEPT)) {
      this.all.delete(this.all.keys().next().value!)
    }
    return made
  }
}
