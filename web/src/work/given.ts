// A run that settings alone do not train: its weights, and what they are weights of, in the one file that weights are saved as
// (src/headlab/runs/folder.py).

import type { Experiment } from '../config/experiment'
import type { ModelConfig } from '../config/model'
import type { TrainConfig } from '../config/training'
import { Corpus, type PlainCorpus } from '../data/corpus'
import { bytes } from '../frames'
import { problemOf } from '../config/experiment'
import type { Kernel } from '../kernel/kernel'
import { realOf } from '../kernel/layout'
import type { Trained } from '../kernel/training'
import { stepsOf } from '../config/training'

interface Told {
  corpus: PlainCorpus
  goal?: { share: number }
  model: ModelConfig
  training: TrainConfig
}

// text: the file in base64
export function givenRun(kernel: Kernel, text: string): [experiment: Experiment, moments: number[], trained: Trained] {
  const file = bytes(text)
  const start = 8 + new DataView(file.buffer).getUint32(0, true)
  const { __metadata__: about, ...tensors } = JSON.parse(new TextDecoder().decode(file.subarray(8, start))) as {
    __metadata__: { run: string }
  } & Record<string, { data_offsets: [number, number] }>
  const { corpus, goal, model, training } = JSON.parse(about.run) as Told
  const phases = training.phases.map((phase) => ({ ...{ plateau_goes_on: false, changes: {} }, ...phase }))
  const experiment: Experiment = {
    ...{ task: '', corpus: new Corpus(corpus), goal: goal?.share ?? 1, model },
    ...{ training: { ...training, phases }, seed: 0n },
  }
  const part = (name: string) => {
    const [from, to] = tensors[name].data_offsets
    return file.slice(start + from, start + to).buffer
  }
  const { shape } = problemOf(experiment)
  const real = realOf(training.dtype)
  const weights = new real(kernel.size(shape))
  for (const { name, start } of kernel.weights(shape)) weights.set(new real(part(name)), start)
  const trained = {
    ...{ snapshots: weights, losses: new real(), rates: new real(), final_loss: new real(part('run.final_loss')) },
    outcome: new BigInt64Array(part('run.outcome')),
  } as Trained
  return [experiment, [stepsOf(experiment.training)], trained]
}
