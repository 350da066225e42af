import { seedsFrame } from '../../../src/work/seeds'
import { ended } from '../../../src/work/pieces'
import type { Twins } from '../twin'

export const of = 'problem'

export function said({ kernel, experiment, line, trained }: Twins) {
  const { weights, final_loss, outcome } = trained
  const portion = { seeds: line.seeds.map(BigInt), weights, losses: final_loss, outcomes: [...outcome] }
  const { values, arrays } = ended(seedsFrame(kernel, experiment, portion))
  return { values, loss: arrays.loss.data, shapes: { loss: arrays.loss.shape, pattern: arrays.pattern.shape } }
}
