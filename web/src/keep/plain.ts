// Settings as Python's records write them, with their fields in Python's order.

import { MODEL } from '../config/table'
import type { Experiment } from '../config/experiment'
import type { ModelConfig } from '../config/model'
import type { Phase, TrainConfig } from '../config/training'
import type { Plateau } from '../kernel/asked'

const TRAINING = ['optimizer', 'learning_rate', 'phases', 'loss', 'momentum', 'nesterov', 'rho', 'centered', 'beta_1', 'beta_2', 'epsilon']
const MORE = ['weight_decay', 'dtype']
const PLATEAU: (keyof Plateau)[] = ['factor', 'patience', 'min_rate', 'min_delta', 'cooldown']
const REAL = [
  'learning_rate',
  'momentum',
  'rho',
  'beta_1',
  'beta_2',
  'epsilon',
  'weight_decay',
  'factor',
  'min_rate',
  'min_delta',
  'init_scale',
]

export type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain }

// Whether a field's numbers are real ones: 1 is 1.0 there.
export const isReal = (name: string) => REAL.includes(name)

export const modelFields = (model: ModelConfig) =>
  Object.fromEntries(MODEL.map(({ name }) => [name, model[name as keyof ModelConfig]])) as Record<string, Plain>

export const trainingFields = (training: TrainConfig) =>
  Object.fromEntries(
    [...TRAINING, ...MORE].map((name) => [
      name,
      name === 'phases' ? training.phases.map(phaseFields) : (training[name as keyof TrainConfig] as Plain),
    ]),
  )

// What changes nothing is left out.
function phaseFields({ steps, plateau, plateau_goes_on, changes }: Phase): Record<string, Plain> {
  return {
    steps,
    plateau: plateau && Object.fromEntries(PLATEAU.map((name) => [name, plateau[name]])),
    ...(plateau_goes_on ? { plateau_goes_on } : {}),
    ...(Object.keys(changes).length ? { changes: changes } : {}),
  }
}

// The dataset of an experiment as run.json has it.
export function datasetFields({ task, corpus, goal }: Experiment): Record<string, Plain> {
  return {
    corpus: corpus.plain as unknown as Plain,
    ...(task ? { name: task } : {}),
    ...(goal === 1 ? {} : { goal: { share: goal } }),
  }
}
