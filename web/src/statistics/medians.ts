// Losses: quartiles, the difference of two medians with its bootstrap interval, and a test; as src/headlab/study/statistics.py has them.

import { normalBelow, normalQuantile } from './normal'
import { drawn } from './philox'
import { LEVEL, rateTest, wilson } from './rates'

export const RESAMPLES = 10_000
export const FEWEST_LOSSES = 3 // for an interval of their median

export interface Interval {
  difference: number
  low: number // not a number where the bootstrap cannot tell
  high: number
}

type Numbers = ArrayLike<number>

const ordered = (values: Numbers) => Float64Array.from(values).sort()
const middleOf = (inOrder: Numbers) => (inOrder[(inOrder.length - 1) >> 1] + inOrder[inOrder.length >> 1]) / 2

export const median = (values: Numbers): number => middleOf(ordered(values))

// Between the two nearest, as NumPy has it.
export function quantile(inOrder: Numbers, share: number): number {
  if (Number.isNaN(share)) return NaN
  const at = share * (inOrder.length - 1)
  const [below, part] = [Math.floor(at), at - Math.floor(at)]
  const [low, high] = [inOrder[below], inOrder[Math.min(below + 1, inOrder.length - 1)]]
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part)
}

export function quartiles(values: Numbers): [number, number, number] | null {
  if (!values.length) return null
  const inOrder = ordered(values)
  return [quantile(inOrder, 0.25), quantile(inOrder, 0.5), quantile(inOrder, 0.75)]
}

// Second - first, with the BCa interval (Efron 1987); null of too few losses.
export function medianDifference(first: Numbers, second: Numbers): Interval | null {
  if (Math.min(first.length, second.length) < FEWEST_LOSSES) return null
  const [one, other] = [ordered(first), ordered(second)]
  const difference = middleOf(other) - middleOf(one)
  const varies = [one, other].some((values) => values[0] !== values[values.length - 1])
  if (!varies) return { difference, low: difference, high: difference }
  const [less, more] = [resampledMedians(one, 0), resampledMedians(other, 1)]
  const resampled = more.map((value, at) => value - less[at])
  const acceleration = accelerationOf(one, other)
  const smaller = resampled.reduce((count, value) => count + (value < difference ? 2 : value === difference ? 1 : 0), 0)
  const bias = normalQuantile(smaller / (2 * RESAMPLES))
  const limit = normalQuantile((1 - LEVEL) / 2)
  resampled.sort()
  const [low, high] = [bias + limit, bias - limit].map((turned) =>
    quantile(resampled, normalBelow(bias + turned / (1 - acceleration * turned))),
  )
  return { difference, low, high }
}

const draws: { u: Float64Array; v: Float64Array }[] = []

// The medians of bootstrap samples, drawn as ranks: of the middle one, and where n is even of the lower of two.
function resampledMedians(inOrder: Float64Array, sample: number): Float64Array {
  const { u, v } = (draws[sample] ??= drawn(sample, RESAMPLES))
  const n = inOrder.length
  const [half, even] = [n >> 1, n % 2 === 0]
  const ends = new Float64Array(n) // at most so often the middle one is of a rank or a smaller one
  const apart = new Float64Array(n) // the lower one is of a smaller rank, of these
  for (let rank = 0; rank < n; rank++) {
    ends[rank] = rank === n - 1 ? 1 : binomialAbove(half, n, (rank + 1) / n)
    if (even) apart[rank] = binomial(half, n, rank / n) * (1 - ((n - rank - 1) / (n - rank)) ** half)
  }
  return u.map((number, at) => {
    const upper = firstAbove(ends, number)
    if (!even || number < ends[upper] - apart[upper]) return inOrder[upper]
    const lower = Math.min(Math.floor(upper * v[at] ** (1 / half)), upper - 1) // the largest of so many
    return (inOrder[lower] + inOrder[upper]) / 2
  })
}

function firstAbove(ends: Float64Array, value: number): number {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle] > value) high = middle
    else low = middle + 1
  }
  return low
}

const logarithms = [0] // of factorials

function logFactorial(n: number): number {
  for (let next = logarithms.length; next <= n; next++) logarithms.push(logarithms[next - 1] + Math.log(next))
  return logarithms[n]
}

// How likely k of n are drawn, each by a share.
function binomial(k: number, n: number, share: number): number {
  if (share === 0 || share === 1) return k === (share === 0 ? 0 : n) ? 1 : 0
  const ways = logFactorial(n) - logFactorial(k) - logFactorial(n - k)
  return Math.exp(ways + k * Math.log(share) + (n - k) * Math.log1p(-share))
}

// How likely more than k of n are drawn: the smaller side is summed, away from the middle.
function binomialAbove(k: number, n: number, share: number): number {
  if (share * n < k + 1) return tail(k + 1, n, share)
  return 1 - tail(n - k, n, 1 - share)
}

// How likely at least k are drawn, where that is more than are expected.
function tail(k: number, n: number, share: number): number {
  let [term, sum] = [binomial(k, n, share), 0]
  for (let next = k; next <= n && sum + term !== sum; next++) {
    sum += term
    term *= ((n - next) / (next + 1)) * (share / (1 - share))
  }
  return sum
}

// Of the difference of medians, by the jackknife; equal numbers change nothing.
function accelerationOf(first: Float64Array, second: Float64Array): number {
  let [cubes, squares] = [0, 0]
  for (const [inOrder, sign] of [
    [first, -1],
    [second, 1],
  ] as const) {
    const n = inOrder.length
    const left = inOrder.map((_, at) => sign * medianWithout(inOrder, at))
    if (left.every((value) => value === left[0])) continue
    const mean = left.reduce((sum, value) => sum + value, 0) / n
    cubes += left.reduce((sum, value) => sum + ((n - 1) * (mean - value)) ** 3, 0) / n ** 3
    squares += left.reduce((sum, value) => sum + ((n - 1) * (mean - value)) ** 2, 0) / n ** 2
  }
  return squares > 0 ? cubes / (6 * squares ** 1.5) : 0
}

function medianWithout(inOrder: Float64Array, at: number): number {
  const left = (rank: number) => inOrder[rank < at ? rank : rank + 1]
  const n = inOrder.length - 1
  return (left((n - 1) >> 1) + left(n >> 1)) / 2
}

// Mood 1954: do as many of each lie above the median of all? Two-sided.
export function medianTest(first: Numbers, second: Numbers): number {
  const middle = median([...Array.from(first), ...Array.from(second)])
  const above = (values: Numbers) => wilson(Array.from(values).filter((value) => value > middle).length, values.length)
  return rateTest(above(first), above(second)).p
}
