// Does the head size matter? What became of many runs at each size, counted and answered.

import { gradeOf, HAIR, SOLVED } from '../analysis/looking/predictions'
import { Setting } from '../analysis/subject'
import type { Experiment } from '../config/experiment'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { FINISHED } from '../kernel/training'
import type { Difference, HeadSize, Sizes } from '../protocol'
import { quartiles } from '../statistics/medians'
import {
  answerOnSizes,
  countOf,
  type Difference as Found,
  divergedOf,
  type Group,
  hasNothingToSolve,
  lossesOf,
  rateOf,
} from '../statistics/sizes'
import { CONTEXT, EACH, ROUNDS, SIZES, type Unit } from './units'

// What became of the runs of a unit: plain data.
export interface Counted {
  size: number
  first: number
  grades: string[]
  losses: number[] // final ones
  diverged: boolean[]
}

export const withHead = (experiment: Experiment, size: number): Experiment => ({
  ...experiment,
  model: { ...experiment.model, d_head: size },
})

// trained: the runs of the unit, in the order of their seeds
export function countedOf(
  kernel: Kernel,
  experiment: Experiment,
  { size, first }: Unit,
  trained: { weights: Real; losses: Real; outcomes: ArrayLike<bigint> },
): Counted {
  const { corpus, model, goal } = withHead(experiment, size)
  const { problem, cases, resolvable } = Setting.of(kernel, corpus, model)
  const { logits } = kernel.look(problem, Float64Array.from(trained.weights), cases, ['logits'])
  const each = logits.length / trained.outcomes.length
  const diverged = Array.from(trained.outcomes, (outcome) => outcome !== FINISHED)
  const grades = diverged.map((lost, run) => {
    const own = (logits as Float64Array).subarray(run * each, (run + 1) * each)
    return gradeOf({ logits: own, corpus, resolvable, goal }, !lost)
  })
  return { size, first, grades, losses: Array.from(trained.losses), diverged }
}

// counted: every unit of this round and those before
export function sizesFrame({ corpus, model }: Experiment, round: number, counted: readonly Counted[]): Sizes {
  const groups = [...SIZES, ...CONTEXT].map((size) => groupOf(size, counted)).filter(({ grades }) => grades.length)
  const asked = groups.filter(({ size }) => SIZES.includes(size))
  const answer = answerOnSizes(asked, model.d_head, model.d_model ?? corpus.d_vocab)
  const sizes = groups.map((group): HeadSize => {
    const rate = hasNothingToSolve(group) ? null : rateOf(group)
    const against = answer.against.find((one) => one.group === group)
    return {
      size: group.size,
      context: !SIZES.includes(group.size),
      runs: group.grades.length,
      solved: countOf(group, SOLVED),
      hairs: countOf(group, HAIR),
      diverged: divergedOf(group),
      share: rate && rate.share,
      low: rate && rate.low,
      high: rate && rate.high,
      loss: quartiles(lossesOf(group, answer.loss_of)),
      against: against ? { share: plain(against.share), loss: plain(against.loss) } : null,
    }
  })
  sizes.sort((one, other) => one.size - other.size)
  const [first, ...sentences] = answer.sentences
  const { base, loss_of, question, how_sure } = answer
  return {
    kind: 'sizes',
    id: 0,
    values: {
      ...{ round, rounds: ROUNDS, each: EACH, base, loss_of, question, answer: first, sentences, how_sure, sizes },
      rows: sizes.map(({ size, solved, runs, share, low, high }) => [size, solved, runs, share ?? 0, low ?? 0, high ?? 0]),
    },
    arrays: {},
  }
}

function groupOf(size: number, counted: readonly Counted[]): Group {
  const own = counted.filter((one) => one.size === size).sort((one, other) => one.first - other.first)
  return {
    size,
    grades: own.flatMap(({ grades }) => grades),
    losses: own.flatMap(({ losses }) => losses),
    diverged: own.flatMap(({ diverged }) => diverged),
  }
}

// Where nothing can be told, null.
function plain({ verdict, ...numbers }: Found): Difference | null {
  if (!Number.isFinite(numbers.value) || !Number.isFinite(numbers.base)) return null
  const finite = Object.entries(numbers).map(([name, value]) => [name, Number.isFinite(value) ? value : null])
  return { ...(Object.fromEntries(finite) as Omit<Difference, 'verdict'>), verdict }
}
