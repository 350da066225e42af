// How long the notebook's training takes, in milliseconds: the least of what fits in some seconds, of so many runs.

import type { Kernel } from '../../src/kernel/kernel'
import { seedsTo, SETTINGS, train } from './golden'

export const NOTEBOOK = SETTINGS.find(({ name }) => name === 'd_head 20')!
export const PATIENCE = 5000 // milliseconds for each

export async function speeds(kernel: Kernel): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const runs of [1, 4, 64]) {
    const took: number[] = []
    for (const end = performance.now() + PATIENCE; performance.now() < end;) {
      const began = performance.now()
      train(kernel, NOTEBOOK, seedsTo(runs), 8)
      took.push(performance.now() - began)
      await new Promise((done) => setTimeout(done))
    }
    found[runs] = Math.min(...took)
  }
  return found
}
