// The smallest loss that can be reached where only so much is known.

import type { Batch } from './batch'
import { placesWithTarget, relativeWeights } from './batch'

// The smallest mean loss Σ w·l / Σ w where only the contexts [sequence][position] are known.
export function floorOf(contexts: readonly (readonly number[])[], batch: Batch): number {
  const weights = relativeWeights(batch)
  const alone = new Map<number, number>()
  const together = new Map<string, { context: number; weight: number }>()
  let total = 0
  for (const { sequence, position } of placesWithTarget(batch)) {
    const context = contexts[sequence][position]
    const weight = weights[sequence][position]
    const key = `${context} ${batch.targets[sequence][position]}`
    const pair = together.get(key) ?? { context, weight: 0 }
    pair.weight += weight
    together.set(key, pair)
    alone.set(context, (alone.get(context) ?? 0) + weight)
    total += weight
  }
  let sum = 0
  for (const { context, weight } of together.values()) if (weight) sum += -weight * Math.log(weight / alone.get(context)!)
  return sum / total
}
