// A task's table, model and training as the whole kernel is asked: settings are those of Python's records, and what is made of them is what
// src/headlab/engine/problem.py, recipe.py and config/starts.py make.

import { settingsAt, type TrainConfig } from '../config/training'
import type { Phase, Problem, Shape, WeightName } from '../kernel/asked'
import type { Weight } from '../kernel/kernel'
import { constants, numberOf, type Type } from '../kernel/layout'
import type { Value } from '../protocol'
import type { Table } from './gallery'

type Fields = Record<string, Value>

export interface WholeShape extends Shape {
  d_vocab_out: number
  d_mlp: number
  activation: number
  norm: number
  norm_after: boolean
  norm_final: boolean
  biases: boolean
  tied: boolean
  relative: boolean
  stream_values: boolean
  pairs: boolean
}

// Settings of a training that the lab has not.
interface Later {
  l2: number
  clip: number | null
  decayed: readonly string[] | null
}

interface GivenPhase {
  steps: number
  plateau?: (Phase['plateau'] & { on?: string }) | null
  plateau_goes_on?: boolean
  changes?: Partial<Phase>
  freeze?: WeightName[]
  rate?: string
  end_rate?: number
  rate_every?: number
  warmup?: number
  rate_from?: number
  rate_steps?: number | null
  reset?: boolean
}

const RATES: Record<string, string> = { constant: 'steady', cosine: 'cosine', linear: 'linear' }

export function shapeOf({ tokens, vocabulary, outputs }: Table, model: Fields): WholeShape {
  const flag = (name: string) => model[name] === true
  const size = (name: string) => Number(model[name] ?? 0)
  const d_vocab = flag('pairs') ? Math.sqrt(vocabulary.length) : vocabulary.length
  return {
    ...{ d_vocab, n_ctx: tokens[0].length, d_model: Number(model.d_model ?? d_vocab), d_head: size('d_head') },
    ...{ n_layers: size('n_layers'), n_heads: size('n_heads'), d_vocab_out: Number(model.d_vocab_out ?? outputs?.length ?? 0) },
    ...{ positions: flag('positions'), residual: flag('residual'), causal: flag('causal') },
    ...{ factored_values: flag('factored_values'), unembed: flag('unembed') },
    ...{ d_mlp: size('d_mlp'), activation: numberOf(String(model.activation ?? 'relu')), norm: normOf(model.norm) },
    ...{ norm_after: flag('norm_after'), norm_final: flag('norm_final'), biases: flag('biases'), tied: flag('tied') },
    ...{ relative: flag('relative_positions'), stream_values: flag('stream_values'), pairs: flag('pairs') },
  }
}

const normOf = (norm: Value = 'none') => numberOf(norm === 'none' ? 'no_norm' : `${String(norm)}_norm`)

export function problemOf(table: Table, model: Fields, training: { dtype?: Value }): Problem & { shape: WholeShape } {
  return {
    shape: shapeOf(table, model),
    type: (training.dtype ?? 'float32') as Type,
    tokens: Int32Array.from(table.tokens.flat()),
    targets: Int32Array.from(table.targets.flat()),
    ...(table.weights && { weights: Float64Array.from(table.weights.flat()) }),
  }
}

export const outputsOf = ({ d_vocab, d_vocab_out }: WholeShape) => d_vocab_out || d_vocab

// The phases, the settings in force in each.
export function phasesOf(given: Record<string, unknown>, frozen: readonly WeightName[], weights: readonly Weight[]): Phase[] {
  const training = given as unknown as Omit<TrainConfig, 'phases'> & Partial<Later> & { phases: GivenPhase[] }
  const { l2 = 0, clip = null, decayed = null } = training
  const whole = {
    ...training,
    phases: training.phases.map(({ changes = {}, ...phase }) => ({ ...phase, changes })),
  } as unknown as TrainConfig
  return training.phases.map((phase, number) => {
    const force = { l2, clip, decayed, ...settingsAt(whole, number) } as Later & ReturnType<typeof settingsAt>
    const { decayed: some, clip: most, ...settings } = force
    const { rate = 'constant', rate_from = 0, rate_steps, plateau, changes = {}, freeze = [] } = phase
    return {
      ...settings,
      ...{ steps: phase.steps, plateau: plateau && plateauOf(plateau), plateau_goes_on: !!phase.plateau_goes_on },
      ...{ freeze: [...freeze, ...frozen], sets_rate: number === 0 || 'learning_rate' in changes },
      ...{ spared: some ? bits(weights.flatMap(({ name }) => (some.includes(name) ? [] : [name]))) : 0, clip: most ?? 0 },
      ...{ schedule: numberOf(RATES[rate]), schedule_from: rate_from, schedule_steps: rate_steps ?? rate_from + phase.steps },
      ...{ end_rate: phase.end_rate ?? 0, rate_every: phase.rate_every ?? 1, warmup: phase.warmup ?? 0, reset: !!phase.reset },
    }
  })
}

function plateauOf({ factor, min_rate, min_delta, patience, cooldown }: NonNullable<Phase['plateau']>) {
  return { factor, min_rate, min_delta, patience, cooldown }
}

const bits = (names: readonly string[]) => names.reduce((sum, name) => sum | (1 << numberOf(name)), 0)

export const frozenOf = (model: Fields): WeightName[] => (model.sinusoidal_positions ? ['W_pos'] : [])

// How weights begin, in the order of the kernel's table: rules as the model's `init` has them, "*=normal 0.02, W_O=linear".
export function drawsOf(shape: WholeShape, model: Fields, weights: readonly Weight[]): Draw[] {
  const rules = Object.fromEntries(
    String(model.init ?? '')
      .split(', ')
      .map((rule) => rule.split('=')),
  ) as Record<string, string>
  const draws = Array.from({ length: constants.HL_WEIGHTS }, () => ({ rule: numberOf('usual'), size: 0 }))
  for (const { name, axes } of weights) {
    const rule = frozenOf(model).includes(name) ? 'sinusoidal' : (rules[name] ?? (name.startsWith('W_') ? rules['*'] : undefined))
    if (rule) draws[numberOf(name)] = drawOf(rule, name, axes, shape)
  }
  return draws
}

interface Draw {
  rule: number
  size: number
}

const [EMBEDDING, SPREAD] = [0.05, 0.8]

function drawOf(rule: string, name: string, axes: readonly number[], shape: WholeShape): Draw {
  const [word, size] = rule.split(' ')
  const draw = (rule: string, size: number) => ({ rule: numberOf(rule), size })
  if (word === 'embedding') return draw('uniform', EMBEDDING)
  if (word === 'glorot') return draw('uniform', Math.sqrt(6 / (axes[axes.length - 2] + axes[axes.length - 1])))
  if (word === 'linear') return draw('uniform', 1 / Math.sqrt(sumsOf(name, shape)))
  if (word === 'transformer_lens') return draw('normal', SPREAD / Math.sqrt(shape.d_model))
  return draw(word, size === undefined ? 1 : Number(size))
}

// How many numbers each output of a weight is a sum of.
function sumsOf(name: string, { d_model, d_head, d_mlp, n_heads, factored_values }: WholeShape): number {
  if (name.endsWith('_out')) return d_mlp
  return name.endsWith('_O') ? n_heads * (factored_values ? d_head : d_model) : d_model
}
