import { bench, describe } from 'vitest'
import { train, seedsTo } from './golden'
import { kernel } from './module'
import { NOTEBOOK, PATIENCE } from './speed'

describe('the notebook, 5,020 steps', () => {
  for (const runs of [1, 4, 64]) bench(String(runs), () => void train(kernel, NOTEBOOK, seedsTo(runs), 8), { time: PATIENCE })
})
