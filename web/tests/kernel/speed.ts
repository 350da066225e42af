// How long the notebook's training takes, in milliseconds: the least of several, of so many runs.

import type { Kernel } from '../../src/kernel/kernel'
import { seedsTo, SETTINGS, train } from './golden'

export const NOTEBOOK = SETTINGS.find(({ name }) => name === 'd_head 20')!
const REPEATS = 7

export async function speeds(kernel: Kernel): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const runs of [1, 4, 64]) {
    const took: number[] = []
    for (let nth = 0; nth < REPEATS; nth++) {
      const began = performance.now()
      train(kernel, NOTEBOOK, seedsTo(runs), 8)
      took.push(performance.now() - began)
      await new Promise((done) => setTimeout(done))
    }
    found[runs] = Math.min(...took)
  }
  return found
}
