// Every kind of work behind the page, by its name.

import { type Experiment, experimentOf, seedOf } from '../config/experiment'
import type { Round, Some, Task, Unit } from '../desk/messages'
import type { Result, Works } from '../desk/serve'
import type { Kernel } from '../kernel/kernel'
import type { Frame, TrialOf } from '../protocol'
import { minimalFrame } from './minimal'
import { pictureFrame } from './picture'
import { type Pieces, piecesOf } from './pieces'
import { Kept, type Recording } from './recording'
import { seedsFrame } from './seeds'
import { type Counted, countedOf, sizesFrame } from './sizes'
import { train, type Portion } from './train'
import { trialFrame } from './trial'
import { weightsFrame } from './weights'
import { whyFrame } from './why'

const kept = new Kept()

// Of the run that is asked for, as it was trained.
export function about(frame: (recording: Recording, task: Task) => Pieces<Frame>) {
  return function* (kernel: Kernel, task: Task): Generator<number | void, Result> {
    const { given } = task.fields // weights, where settings alone do not train the run
    if (typeof given === 'string') return yield* piecesOf(frame(kept.given(kernel, given), task))
    const recording = yield* kept.recording(kernel, experimentOf(task.fields), JSON.stringify(Object.entries(task.fields)))
    return yield* piecesOf(frame(recording, task))
  }
}

// Of many runs.
function ofPortion<Found extends Result>(found: (kernel: Kernel, experiment: Experiment, portion: Portion, unit?: Unit) => Pieces<Found>) {
  return function* (kernel: Kernel, { fields, more }: Task): Generator<number | void, Result> {
    const experiment = experimentOf(fields)
    const { seeds: asked, unit } = more as Some
    const seeds = asked.map((seed) => seedOf(seed)!)
    const { weights, final_loss, outcome } = yield* train(kernel, experiment, seeds)
    return yield* piecesOf(found(kernel, experiment, { seeds, weights, losses: final_loss, outcomes: [...outcome] }, unit))
  }
}

export const works: Works = {
  picture: about(pictureFrame),
  why: about(whyFrame),
  minimal: about(minimalFrame),
  weights: about(weightsFrame),
  trial: about((recording, { more }) => trialFrame(recording, more as TrialOf)),
  seeds: ofPortion(seedsFrame),
  counts: ofPortion((kernel, experiment, { outcomes, ...portion }, unit) =>
    countedOf(kernel, experiment, unit!, { ...portion, outcomes: BigInt64Array.from(outcomes) }),
  ),
  sizes: (_, { fields, more }) => sizesFrame(experimentOf(fields), (more as Round).round, (more as Round).counted as Counted[]),
}
