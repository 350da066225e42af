// The answer to the homework's second item: head sizes compared by solved runs and by loss, in words, with what stands behind them.
// src/headlab/study/{answer,sentences}.py and homework/answers.py say the same.

import { NOTHING_TO_SOLVE, SOLVED, WHY_NOTHING } from '../analysis/looking/predictions'
import { fixed, grouped, isOrAre, percent, quantity, withSign } from '../notation/numbers'
import { enumeration } from '../notation/values'
import { FEWEST_LOSSES, median, medianDifference, medianTest, RESAMPLES } from './medians'
import {
  type Comparison,
  compareRates,
  holm,
  isNoticeable,
  LEVEL,
  POWER,
  type Rate,
  rateText,
  smallestDifference,
  type Trend,
  trendOf,
  wilson,
} from './rates'

const HOMEWORK_SIZE = 20 // that the homework compares others with
const MOST_SIZES = 8 // listed in a sentence
const SMALLEST_P = 0.0001 // in a sentence

export type Verdict = 'better' | 'worse' | 'cannot be told'

// The runs of a head size.
export interface Group {
  size: number
  grades: readonly string[]
  losses: readonly number[] // final ones
  diverged: readonly boolean[]
}

// What a size has more than the base, with its 95 % interval; NaN: too few runs to say.
export interface Difference {
  value: number
  base: number
  difference: number
  low: number
  high: number
  p_holm: number // adjusted over the sizes that are compared with the base
  verdict: Verdict
}

export interface Against {
  group: Group
  of: Group
  share: Difference
  loss: Difference
}

export interface SizesAnswer {
  base: number
  question: string
  sentences: string[] // the answer first, in one
  how_sure: string[]
  against: Against[]
  loss_of: 'solved' | 'finished' // whose losses are compared: those of all, where any size has too few solved
}

// 20 as in the homework, else the model's, else the first.
export const baseOf = (sizes: readonly number[], d_head: number): number =>
  [HOMEWORK_SIZE, d_head].find((size) => sizes.includes(size)) ?? sizes[0]

export const countOf = ({ grades }: Group, grade: string): number => grades.filter((one) => one === grade).length
export const hasNothingToSolve = ({ grades }: Group): boolean => grades.every((grade) => grade === NOTHING_TO_SOLVE)
export const rateOf = (group: Group): Rate => wilson(countOf(group, SOLVED), group.grades.length)
export const divergedOf = ({ diverged }: Group): number => diverged.filter(Boolean).length

export function lossesOf({ grades, losses }: Group, of: SizesAnswer['loss_of']): number[] {
  return losses.filter((loss, run) => Number.isFinite(loss) && (of === 'finished' || grades[run] === SOLVED))
}

// Groups in ascending order of their sizes; d_model: the width of the residual stream.
export function answerOnSizes(groups: readonly Group[], d_head: number, d_model: number): SizesAnswer {
  const base = baseOf(
    groups.map(({ size }) => size),
    d_head,
  )
  return new Sizes(groups, base, d_model).answer
}

// Every group against one of them.
export const against = (groups: readonly Group[], base: number): Against[] => new Sizes(groups, base, 0).answer.against

interface Compared {
  judged: readonly Group[]
  rates: readonly Rate[]
  comparisons: Comparison<number>[]
  trend: Trend | null
}

class Sizes {
  private readonly judged: readonly Group[] // in which there is something to solve
  private readonly rates: readonly Rate[]
  private readonly trend: Trend | null
  private readonly of: Group
  private readonly others: readonly Group[]

  constructor(
    private readonly groups: readonly Group[],
    private readonly base: number,
    private readonly d_model: number,
  ) {
    this.judged = groups.filter((group) => !hasNothingToSolve(group))
    this.rates = this.judged.map(rateOf)
    this.trend = trendOf(this.rates)
    this.of = groups.find(({ size }) => size === base)!
    this.others = groups.filter((group) => group !== this.of)
  }

  get answer(): SizesAnswer {
    const { base } = this
    const number = this.judged.findIndex(({ size }) => size === base)
    const numbers = this.judged.map((_, at) => at)
    const all = numbers.flatMap((i) => numbers.filter((j) => j > i).map((j): [number, number] => [i, j]))
    const withBase = number < 0 ? [] : numbers.filter((at) => at !== number).map((at): [number, number] => [number, at])
    const [pairs, comparisons] = [all, withBase].map((some) => this.compared(some))
    const { of, against } = this.against(comparisons.comparisons)
    const told = against.filter(({ loss }) => Number.isFinite(loss.value) && Number.isFinite(loss.base))
    return {
      base,
      question: `Is a head larger or smaller than ${base} noticeably better or worse?`,
      sentences: this.sentences(first(pairs), against, told, of),
      how_sure: [...howSure(comparisons, this.d_model), ...(this.groups.length > 1 ? howSureOfLosses(told, against.length) : [])],
      against,
      loss_of: of,
    }
  }

  private compared(pairs: readonly [number, number][]): Compared {
    const { judged, rates, trend } = this
    const sizes = judged.map(({ size }) => size)
    return { judged, rates, trend, comparisons: compareRates(sizes, rates, pairs) }
  }

  private against(comparisons: readonly Comparison<number>[]): { of: SizesAnswer['loss_of']; against: Against[] } {
    const enough = (of: SizesAnswer['loss_of']) => (group: Group) => lossesOf(group, of).length >= FEWEST_LOSSES
    const of = this.groups.every(enough('solved')) ? 'solved' : 'finished'
    const tested = this.others.map((group) =>
      enough(of)(group) && enough(of)(this.of) ? medianTest(lossesOf(this.of, of), lossesOf(group, of)) : 1,
    )
    const adjusted = holm(tested)
    const against = this.others.map((group, nth) => ({
      group,
      of: this.of,
      share: this.shareDifference(group, comparisons),
      loss: lossDifference(lossesOf(this.of, of), lossesOf(group, of), adjusted[nth]),
    }))
    return { of, against }
  }

  private shareDifference({ size }: Group, comparisons: readonly Comparison<number>[]): Difference {
    const found = comparisons.find(({ second }) => second === size)
    if (!found) return { value: NaN, base: NaN, difference: NaN, low: NaN, high: NaN, p_holm: NaN, verdict: 'cannot be told' }
    const shareOf = (of: number) => this.rates[this.judged.findIndex((group) => group.size === of)].share
    const { difference, low, high, p_holm } = found
    return { value: shareOf(size), base: shareOf(this.base), difference, low, high, p_holm, verdict: verdictOf(difference, p_holm) }
  }

  private sentences(first: string, against: readonly Against[], told: readonly Against[], of: SizesAnswer['loss_of']): string[] {
    if (this.groups.length === 1) {
      return [first, 'Only one head size was tried: there is nothing to compare it with.', ...this.divergences()]
    }
    const [held, whose] = [`against d_head ${this.base} (95 % interval)`, of === 'solved' ? 'solved runs' : 'all runs']
    return [
      told.length ? `${first.slice(0, -1)}; ${this.medians(told, whose)}.` : first,
      ...(this.judged.length ? [`Solved runs, ${held}: ${clauses(against, 'share')}.`] : []),
      told.length
        ? `Median loss of ${whose}, ${held}: ${clauses(told, 'loss')}.`
        : 'Too few runs ended with a loss that is a number to compare losses.',
      ...this.divergences(),
    ]
  }

  private medians(told: readonly Against[], whose: string): string {
    const medians = new Map([[this.base, told[0].loss.base], ...told.map(({ group, loss }): [number, number] => [group.size, loss.value])])
    const shown = this.groups.map(({ size }) => (medians.has(size) ? fixed(medians.get(size)!, 3) : 'none'))
    const where = this.judged.length ? '' : ` at d_head ${sizesOf(this.groups)}`
    return `median loss of ${whose}: ${shown.join(', ')}${where}`
  }

  private divergences(): string[] {
    const lost = sum(this.groups.map(divergedOf))
    const runs = sum(this.groups.map(({ grades }) => grades.length))
    return lost ? [`${grouped(lost)} of all ${quantity(runs, 'run')} diverged, and ${lost === 1 ? 'counts' : 'count'} as not solved.`] : []
  }
}

const sum = (values: readonly number[]) => values.reduce((one, other) => one + other, 0)
const sizesOf = (groups: readonly Group[]) => groups.map(({ size }) => size).join(', ')
const verdictOf = (gain: number, p: number): Verdict => (!(p < 1 - LEVEL && gain !== 0) ? 'cannot be told' : gain > 0 ? 'better' : 'worse')

function lossDifference(there: number[], here: number[], p_holm: number): Difference {
  const { difference, low, high } = medianDifference(there, here) ?? { difference: NaN, low: NaN, high: NaN }
  const [value, base] = [here, there].map((losses) => (losses.length ? median(losses) : NaN))
  return { value, base, difference, low, high, p_holm, verdict: verdictOf(-difference, p_holm) }
}

// What was found, as one plain sentence.
function first(compared: Compared): string {
  const { judged, rates } = compared
  if (!judged.length) return `${WHY_NOTHING[0].toUpperCase()}${WHY_NOTHING.slice(1)}; runs differ in their loss only.`
  if (judged.length === 1) {
    const [{ successes, n }] = rates
    return `${grouped(successes)} of ${quantity(n, 'run')} ${isOrAre(successes)} solved at d_head ${judged[0].size}.`
  }
  const counts = `${listed(rates)} at d_head ${sizesOf(judged)}`
  if (!differ(compared)) {
    const runs = [...new Set(rates.map(({ n }) => n))]
    const each = [...runs.slice(0, -1).map(grouped), quantity(runs[runs.length - 1], 'run')].join('/')
    return `Whether head size matters cannot be told with ${each} each: ${counts}.`
  }
  return `${way(compared)}: ${counts}.`
}

const rises = ({ trend }: Compared) => trend !== null && trend.p < 1 - LEVEL
const differ = (compared: Compared) => rises(compared) || compared.comparisons.some(isNoticeable)

function listed(rates: readonly Rate[]): string {
  const [{ n }] = rates
  if (rates.every((rate) => rate.n === n)) return `${rates.map(({ successes }) => grouped(successes)).join(', ')} of ${grouped(n)}`
  return rates.map((rate) => `${grouped(rate.successes)} of ${grouped(rate.n)}`).join(', ')
}

function way(compared: Compared): string {
  const { judged, rates, trend } = compared
  const shares = rates.map(({ share }) => share)
  const steady = [1, -1].some((sign) => shares.every((share, at) => at === 0 || sign * share >= sign * shares[at - 1]))
  if (!steady && !rises(compared)) {
    const best = judged.filter((_, at) => shares[at] === Math.max(...shares)).map(({ size }) => size)
    return `The largest share is solved at d_head ${best.join(' and ')}`
  }
  const rising = trend === null || steady ? shares[shares.length - 1] > shares[0] : trend.z > 0
  return `Larger heads solve ${rising ? 'more' : 'less'} often${steady ? '' : ', on the whole'}`
}

// Which sizes are better, worse, or not to be told apart from the base, each with its difference.
function clauses(items: readonly Against[], measure: 'share' | 'loss'): string {
  const named = (wanted: Verdict) => items.filter((item) => item[measure].verdict === wanted).map((item) => sizeText(item, measure))
  const n = Math.min(...items.map(({ group, of }) => Math.min(group.grades.length, of.grades.length)))
  const told = (['better', 'worse'] as const).flatMap((verdict) => {
    const sizes = named(verdict)
    return sizes.length ? [`${enumeration(sizes, MOST_SIZES)} ${sizes.length === 1 ? 'is' : 'are'} ${verdict}`] : []
  })
  const rest = named('cannot be told')
  if (rest.length) told.push(`${enumeration(rest, MOST_SIZES)} cannot be told better or worse with ${quantity(n, 'run')} each`)
  return told.join('; ')
}

function sizeText(item: Against, measure: 'share' | 'loss'): string {
  const { difference, low, high } = item[measure]
  if (!Number.isFinite(low) || !Number.isFinite(high)) return String(item.group.size)
  const [scale, digits, unit] = measure === 'share' ? [100, 0, ' %'] : [1, 3, '']
  const [more, from, to] = [difference, low, high].map((value) => withSign(scale * value, digits))
  return `${item.group.size} (${more}${unit}, ${from} to ${to})`
}

// How far the sentences can be trusted

function howSure(compared: Compared, d_model: number): string[] {
  const theory =
    `W_QK = W_Q W_Kᵀ, which says where a head looks, has a rank (the number of directions it can tell apart) of at most ` +
    `d_model = ${d_model} whatever d_head is: from d_head ${d_model} on, head size changes how training goes, not what ` +
    'the model can express.'
  return [...intervals(compared), ...tests(compared), ...trends(compared), ...powers(compared), theory]
}

function intervals({ judged, rates }: Compared): string[] {
  if (!judged.length) return []
  const shares = judged.map(({ size }, at) => `${rateText(rates[at])} at d_head ${size}`)
  return [
    "A 95 % interval holds the true share in 95 of 100 such studies. Of one share it is Wilson's, of the difference of two shares " +
      `Newcombe's: ${shares.join('; ')}.`,
  ]
}

function tests({ comparisons }: Compared): string[] {
  if (!comparisons.length) return []
  const values = comparisons.map(({ p_holm, first, second }) => `${pText(p_holm)} for d_head ${second} against ${first}`)
  const several =
    comparisons.length > 1
      ? `, raised by Holm's correction because ${comparisons.length} pairs are compared at once (so an interval may leave out 0 where ` +
        'nothing can be told)'
      : ''
  return [
    '“Better” and “worse” are said where p is below 0.05: where chance alone would give a difference like this in fewer than ' +
      "5 of 100 studies. p is that of the score test, or of Fisher's exact one where fewer than 5 runs are expected in a cell" +
      `${several}: ${values.join('; ')}.`,
  ]
}

function trends({ trend }: Compared): string[] {
  if (!trend) return []
  const { z, p } = trend
  const way = p >= 1 - LEVEL ? 'no steady rise or fall can be told' : z > 0 ? 'the share rises' : 'the share falls'
  return [
    `The trend is tested by Mantel's linear-by-linear test, with the values of d_head as first, second, third …: ${way} ` +
      `(z = ${withSign(z, 1)}, ${pText(p)}; z counts standard errors).`,
  ]
}

function powers({ judged, rates, comparisons }: Compared): string[] {
  if (judged.length < 2) return []
  const n = Math.min(...rates.map((rate) => rate.n))
  const seen = smallestDifference(median(rates.map(({ share }) => share)), n)
  const text =
    `Power is how often a study sees a difference that is there: with ${quantity(n, 'run')} each, one of ${percent(seen)} or more ` +
    `would be seen ${percent(POWER)} of the time.`
  const needed = comparisons.flatMap(({ difference, runs_needed }) =>
    runs_needed === null ? [] : [`${percent(difference, true)} takes about ${grouped(runs_needed)}`],
  )
  if (!needed.length) return [text]
  return [`${text} Runs a head size for that, from Cohen's h, a measure of how far two shares are apart: ${needed.join(', ')}.`]
}

function howSureOfLosses(told: readonly Against[], others: number): string[] {
  const known = told.filter(({ loss }) => Number.isFinite(loss.low))
  if (!known.length) return []
  const values = known.map(({ group, loss }) => `${pText(loss.p_holm)} for d_head ${group.size}`).join('; ')
  return [
    `The interval of a difference of two medians is a bootstrap's (BCa): both sets of losses are drawn again ` +
      `${grouped(RESAMPLES)} times, ` +
      "each from itself. p is that of Mood's test, which asks whether as many losses of each lie above the median of both" +
      `${others > 1 ? ", raised by Holm's correction" : ''}: ${values}.`,
  ]
}

// To two digits, as Python's format has them.
function pText(p: number): string {
  if (p < SMALLEST_P) return `p < ${fixed(SMALLEST_P, 4)}`
  const power = Number(p.toExponential(1).split('e')[1])
  return `p = ${fixed(p, Math.max(0, 1 - power)).replace(/\.?0+$/, '')}`
}
