// What a file that is saved is called: after its run, headlab-notebook-d10-seed1.svg.

import type { Experiment } from '../config/experiment'

type Named = Pick<Experiment, 'task'> & { seed: bigint | number | string; model: { d_head: number } }

// step: of the training, where the file is not of its end
export function nameOf({ task, model, seed }: Named, ending: string, step?: number): string {
  const moment = step === undefined ? '' : `-step${step}`
  return `headlab-${task || 'sentences'}-d${model.d_head}-seed${seed}${moment}.${ending}`
}
