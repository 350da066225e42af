// What is asked of the kernel, in the words of headlab's settings; kernel/headlab.h says what each is. Plain data, for a worker, too.

import type { Room } from './instance'
import { numberOf, sizeOf, type Type, type Value, type Values } from './layout'

export type WeightName = 'W_E' | 'W_pos' | 'W_Q' | 'W_K' | 'W_V' | 'W_O' | 'W_U'

export interface Shape {
  d_vocab: number
  n_ctx: number
  d_model: number
  d_head: number
  n_layers: number
  n_heads: number
  positions: boolean
  residual: boolean
  causal: boolean
  factored_values: boolean
  unembed: boolean
}

export interface Problem {
  shape: Shape
  type: Type
  tokens: Int32Array // [sequence, position]; -1: padding
  targets?: Int32Array // -1: none
  weights?: Float64Array // of the targets
  declared?: boolean // trained in the vocabulary's order, and not as tokens first appear
}

export type Loss = 'softmax' | 'normalized_sigmoid'

export interface Plateau {
  factor: number
  min_rate: number
  min_delta: number
  patience: number
  cooldown: number
}

export interface Phase {
  steps: number
  loss: Loss
  optimizer: 'sgd' | 'rmsprop' | 'adam' | 'adamw'
  learning_rate: number
  momentum: number
  nesterov: boolean
  rho: number
  centered: boolean
  beta_1: number
  beta_2: number
  epsilon: number
  weight_decay: number
  sets_rate?: boolean // otherwise each run's rate goes on
  plateau?: Plateau | null
  plateau_goes_on?: boolean
  freeze?: readonly WeightName[]
}

export interface Recipe {
  phases: readonly Phase[]
  recorded?: readonly number[] // steps, ascending
  snapshots?: readonly number[]
}

export interface Edit {
  what: 'token' | 'position' | 'resid' | 'q' | 'k' | 'v' | 'scores' | 'pattern' | 'z' | 'edge' | 'direct_token' | 'direct_position'
  how: 'zero' | 'mean' | 'from' | 'mask' | 'given'
  layer?: number // left out: every one, as with head, at and key
  head?: number
  at?: number
  key?: number
  donor?: number
  there?: readonly number[]
  given?: Float64Array
  strides?: readonly [run: number, layer: number, head: number]
}

export interface Case {
  sequence: number
  at?: number // left out: all positions, in every case then
  edits?: readonly Edit[]
  reads?: readonly { head: number; key: number }[]
}

export interface Position {
  sequence: number
  at: number
}

export const sequencesOf = ({ tokens, shape }: Problem) => tokens.length / shape.n_ctx

export const shapeIn = (room: Room, shape: Shape) => room.struct('hl_shape', { ...shape })

// The kernel reads as much of each array as the shape says: whether that is there is seen to here.
export function checked(name: string, array: { length: number } | undefined, length: number) {
  if (array && array.length !== length) throw new RangeError(`${name} must have ${length} numbers, got ${array.length}`)
}

export function batchOf(room: Room, problem: Problem): Values<'hl_batch'> {
  const { tokens, targets, weights, declared } = problem
  if (!Number.isInteger(sequencesOf(problem))) throw new RangeError('tokens must be whole sequences, each of n_ctx of them')
  checked('targets', targets, tokens.length)
  checked('weights of targets', weights, tokens.length)
  return {
    n_sequences: sequencesOf(problem),
    tokens: room.array(tokens),
    targets: room.array(targets),
    weights: room.array(weights),
    declared,
  }
}

export function problemIn(room: Room, problem: Problem): number {
  const batch = batchOf(room, problem) as Value
  return room.struct('hl_problem', { shape: { ...problem.shape }, batch, type: numberOf(problem.type) })
}

export function recipeIn(room: Room, { phases, recorded = [], snapshots = [] }: Recipe, optimizer_step = 0): number {
  return room.struct('hl_recipe', {
    n_phases: phases.length,
    phases: room.structs('hl_phase', phases.map(phaseOf)),
    optimizer_step,
    n_recorded: recorded.length,
    recorded: room.array(stepsOf(recorded)),
    n_snapshots: snapshots.length,
    snapshots: room.array(stepsOf(snapshots)),
  })
}

// Whole numbers of 64 bits, their low halves first: without a bigint each, which of thousands of steps takes milliseconds.
function stepsOf(steps: readonly number[]): Uint32Array {
  const halves = new Uint32Array(2 * steps.length)
  steps.forEach((step, nth) => {
    if (!Number.isSafeInteger(step)) throw new RangeError(`a step must be a whole number, got ${step}`)
    halves[2 * nth] = step
    halves[2 * nth + 1] = Math.floor(step / 2 ** 32)
  })
  return halves
}

function phaseOf({ plateau, freeze = [], loss, optimizer, ...rest }: Phase): Values<'hl_phase'> {
  const frozen = freeze.reduce((bits, name) => bits | (1 << numberOf(name)), 0)
  return { ...rest, ...plateau, loss: numberOf(loss), optimizer: numberOf(optimizer), plateau: !!plateau, frozen }
}

export function casesIn(room: Room, cases: readonly Case[], n_ctx: number): number {
  return room.structs(
    'hl_case',
    cases.map(({ sequence, at = -1, edits = [], reads = [] }) => ({
      sequence,
      at,
      n_edits: edits.length,
      edits: room.structs(
        'hl_edit',
        edits.map((edit) => editOf(room, edit, n_ctx)),
      ),
      n_reads: reads.length,
      reads: room.structs('hl_source', reads),
    })),
  )
}

// One case as often as some of its edits are made: numbers of edits, each time.
export function casesOfEach(room: Room, one: Case, made: readonly (readonly number[])[], n_ctx: number): number {
  const { sequence, at = -1, edits = [], reads = [] } = one
  const all = edits.map((edit) => editOf(room, edit, n_ctx))
  const [every, read, size] = [room.structs('hl_edit', all), room.structs('hl_source', reads), sizeOf('hl_edit')]
  const copies = room.zeros(made.reduce((sum, some) => sum + some.length, 0) * size)
  const bytes = room.instance.bytes()
  let end = copies
  const cases = made.map((some) => {
    const start = end
    for (const nth of some) {
      bytes.copyWithin(end, every + nth * size, every + (nth + 1) * size)
      end += size
    }
    return { sequence, at, n_edits: some.length, edits: start, n_reads: reads.length, reads: read }
  })
  return room.structs('hl_case', cases)
}

function editOf(room: Room, edit: Edit, n_ctx: number): Values<'hl_edit'> {
  const { layer = -1, head = -1, at = -1, key = -1, donor, there, given, strides } = edit
  checked('there', there, n_ctx)
  const [what, how] = [numberOf(edit.what), numberOf(edit.how)]
  return { what, how, layer, head, at, key, donor, strides, there: room.array(there && Int32Array.from(there)), given: room.array(given) }
}
