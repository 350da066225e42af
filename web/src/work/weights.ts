// What can be taken away of a run: its weights as a file, and Python that trains it again.

import type { Experiment } from '../config/experiment'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { base64 } from '../carried'
import { pythonCode } from '../keep/python'
import { safetensors } from '../keep/safetensors'
import type { Weights } from '../protocol'

// A trained run with every step's loss and rate; weights [moment, weight], the last ones the end's.
interface Recorded {
  kernel: Kernel
  experiment: Experiment
  moments: readonly number[]
  weights: Real
  losses: Real
  rates: Real
  finalLoss: number
  outcome: bigint
}

export function weightsFrame({ kernel, experiment, moments, weights, losses, rates, finalLoss, outcome }: Recorded): Weights {
  const steps = Array.from(losses, (_, step) => step)
  const last = weights.slice(((moments.length - 1) * weights.length) / moments.length)
  const file = safetensors(kernel, experiment, { weights: last, finalLoss, outcome, steps, losses, rates })
  return { kind: 'weights', id: 0, values: { base64: base64(file), python: pythonCode(experiment) }, arrays: {} }
}
