// What is asked for in the page's fields is trained as Python trains it.
import { expect, it } from 'vitest'
import golden from '../../src/headlab/engine/golden.json'
import { experimentOf, problemOf, recipeOf } from '../src/config/experiment'
import { Training } from '../src/kernel/training'
import type { Fields } from '../src/protocol'
import { FEW, hashed, seedsTo } from './kernel/golden'
import { kernel } from './kernel/module'

function trained(fields: Fields, seeds: readonly (bigint | number)[]): string {
  const experiment = experimentOf(fields)
  const problem = problemOf(experiment)
  const training = new Training(kernel, problem, recipeOf(experiment), kernel.initial(problem, seeds, experiment.model.init_scale))
  while (!training.work(Infinity)) continue
  const { weights } = training.take()
  training.end()
  return hashed(kernel, problem, weights)
}

it.each([10, 20, 160])('of the notebook with d_head %i the bits are the golden ones', (d_head) => {
  expect(trained({ d_head }, seedsTo(FEW))).toBe(golden.settings.find(({ name }) => name === `d_head ${d_head}`)!.sha256.few)
})
