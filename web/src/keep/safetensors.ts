// A run's weights as one safetensors file that says whose they are: run.json's text is among its metadata, with the corpus, the model and
// the training, and the hash of the arrays (src/headlab/runs/folder.py reads it back).

import { type Experiment, problemOf } from '../config/experiment'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { datasetFields, modelFields, trainingFields } from './plain'

const FORMAT = 3
const ORDER = { order: 'vocabulary' } // of tokens along the axes of weights

export interface Kept {
  weights: Real // flat, of one run
  finalLoss: number
  outcome: bigint
  steps?: readonly number[] // that were recorded
  losses?: Real
  rates?: Real
}

type Numbers = Real | BigInt64Array | BigUint64Array
interface Tensor {
  dtype: 'F32' | 'F64' | 'I64' | 'U64'
  shape: number[]
  data: Numbers
}

const DTYPES = { Float32Array: 'F32', Float64Array: 'F64', BigInt64Array: 'I64', BigUint64Array: 'U64' } as const

const tensor = (data: Numbers, shape: number[]): Tensor => ({ dtype: DTYPES[data.constructor.name as keyof typeof DTYPES], shape, data })

export function safetensors(kernel: Kernel, experiment: Experiment, kept: Kept): Uint8Array {
  const { shape } = problemOf(experiment)
  const { weights, finalLoss, outcome, steps = [], losses, rates } = kept
  const real = (values: number[]) => (weights instanceof Float64Array ? Float64Array.from(values) : Float32Array.from(values))
  const tensors: Record<string, Tensor> = {}
  for (const { name, start, axes } of kernel.weights(shape)) {
    const size = axes.reduce((product, side) => product * side, 1)
    tensors[name] = tensor(weights.slice(start, start + size), axes)
  }
  const curve = [1, steps.length]
  Object.assign(tensors, {
    'run.seeds': tensor(BigUint64Array.of(experiment.seed), [1]),
    'run.outcome': tensor(BigInt64Array.of(outcome), [1]),
    'run.final_loss': tensor(real([finalLoss]), [1]),
    'run.recorded_steps': tensor(BigInt64Array.from(steps, BigInt), [steps.length]),
    'run.loss': tensor(losses ?? real([]), curve),
    'run.learning_rate': tensor(rates ?? real([]), curve),
    'run.snapshot_steps': tensor(new BigInt64Array(), [0]),
  })
  return fileOf(tensors, (arrays) => ({ ...ORDER, run: toldOf(kernel, experiment, arrays) }))
}

// run.json's text: it begins with the hash of all that follows.
function toldOf(kernel: Kernel, experiment: Experiment, arrays: Uint8Array): string {
  const told = {
    ...{ format: FORMAT, weights: kernel.sha256(arrays), ...ORDER },
    ...datasetFields(experiment),
    ...{ model: modelFields(experiment.model), training: trainingFields(experiment.training) },
  }
  const body = JSON.stringify(told, null, 2).slice(1)
  return `{\n  "sha256": "${kernel.sha256(new TextEncoder().encode(body))}",${body}`
}

// Eight bytes with the length of a header, the header, and the arrays, those of the widest numbers first.
function fileOf(tensors: Record<string, Tensor>, metadata: (arrays: Uint8Array) => Record<string, string>): Uint8Array {
  const ordered = Object.entries(tensors).sort(
    ([one, { data }], [name, other]) => other.data.BYTES_PER_ELEMENT - data.BYTES_PER_ELEMENT || (one < name ? -1 : 1),
  )
  const arrays = new Uint8Array(ordered.reduce((size, [, { data }]) => size + data.byteLength, 0))
  const described: Record<string, unknown> = {}
  let at = 0
  for (const [name, { dtype, shape, data }] of ordered) {
    arrays.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    described[name] = { dtype, shape, data_offsets: [at, (at += data.byteLength)] }
  }
  const header = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata(arrays), ...described }))
  const start = 8 + Math.ceil(header.length / 8) * 8
  const file = new Uint8Array(start + arrays.length).fill(0x20, 8, start)
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true)
  file.set(header, 8)
  file.set(arrays, start)
  return file
}
