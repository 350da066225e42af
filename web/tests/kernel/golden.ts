// The fourteen settings of golden.json, as they are asked of the kernel, and the hash that the weights of their seeds have.

import golden from '../../../src/headlab/engine/golden.json'
import type { Phase, Plateau, Problem, Recipe, WeightName } from '../../src/kernel/asked'
import { Training, type Trained } from '../../src/kernel/training'
import type { Kernel } from '../../src/kernel/kernel'
import type { Real, Type } from '../../src/kernel/layout'

export const { few: FEW, many: MANY } = golden.seeds
export const NUMERICS = golden.numerics

interface OwnPhase {
  steps: number
  plateau: Plateau | null
  plateau_goes_on?: boolean
  freeze?: WeightName[]
  changes?: Partial<Phase>
}

export interface Setting {
  name: string
  scale: number
  problem: Problem
  recipe: Recipe
  sha256: { many: string; few: string }
}

export const SETTINGS: Setting[] = golden.settings.map(({ name, model, training, sha256 }) => {
  const { d_model, init_scale, ...shape } = { ...golden.model, ...model }
  const { tokens, targets, vocabulary } = golden.corpus
  const { dtype, phases, ...usual } = { ...golden.training, ...training }
  let force = usual as unknown as Phase // what is in force, a later word for an earlier one
  const recipe = (phases as OwnPhase[]).map(({ changes, ...own }) => {
    force = { ...force, ...changes }
    return { ...force, ...own, sets_rate: changes?.learning_rate !== undefined }
  })
  return {
    name,
    scale: init_scale,
    problem: {
      shape: { ...shape, d_vocab: vocabulary.length, n_ctx: tokens[0].length, d_model: d_model ?? vocabulary.length },
      type: dtype as Type,
      tokens: Int32Array.from(tokens.flat()),
      targets: Int32Array.from(targets.flat()),
    },
    recipe: { phases: recipe },
    sha256,
  }
})

export const seedsTo = (count: number) => Array.from({ length: count }, (_, seed) => seed)

export function train(kernel: Kernel, { problem, recipe, scale }: Setting, seeds: number[], milliseconds = Infinity): Trained {
  const training = new Training(kernel, problem, recipe, kernel.initial(problem, seeds, scale))
  while (!training.work(milliseconds)) continue
  const trained = training.take()
  training.end()
  return trained
}

// Over the weights of all runs in the order in which they are trained.
export function hashed(kernel: Kernel, problem: Problem, weights: Real): string {
  const places = kernel.places(problem)
  const ordered = new Float32Array(weights.length)
  for (let at = 0; at < weights.length; at++) {
    const nth = at % places.length
    ordered[at] = weights[at - nth + places[nth]]
  }
  return kernel.sha256(new Uint8Array(ordered.buffer))
}
