// Shares of runs: intervals, comparisons, trend, power; src/headlab/study/statistics.py says the same, by SciPy and statsmodels.

import { percent } from '../notation/numbers'
import { normalAbove, normalBelow, normalQuantile } from './normal'

export const LEVEL = 0.95
export const POWER = 0.8
const SMALLEST_EXPECTED = 5 // runs in a cell, for a test that is not exact
const FEW_RUNS = 20 // below so many, the number of runs needed is counted up to instead of solved for
const ALIKE = 1e-12 // of a probability: nearer than this, two tables are as likely as each other

export interface Rate {
  successes: number
  n: number
  share: number
  low: number
  high: number
}

// Wilson 1927.
export function wilson(successes: number, n: number): Rate {
  const z = normalQuantile(1 - (1 - LEVEL) / 2)
  const share = successes / n
  const center = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n)
  const reach = (z * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n)
  const [low, high] = [center - reach, center + reach].map((bound) => Math.min(Math.max(bound, 0), 1))
  return { successes, n, share, low: Math.min(low, share), high: Math.max(high, share) }
}

export const rateText = ({ share, low, high }: Rate) => `${percent(share)} [${percent(low)}, ${percent(high)}]`

export interface Comparison<Name> {
  first: Name
  second: Name
  difference: number // second - first
  low: number
  high: number
  test: 'score' | 'fisher'
  p: number
  p_holm: number
  runs_needed: number | null // in each, to see the difference; null: there is none
}

export const isNoticeable = ({ p_holm }: { p_holm: number }) => p_holm < 1 - LEVEL

// Pairs, by their numbers, with p adjusted over all of them.
export function compareRates<Name>(names: readonly Name[], rates: readonly Rate[], pairs: readonly [number, number][]): Comparison<Name>[] {
  const tests = pairs.map(([i, j]) => rateTest(rates[i], rates[j]))
  const adjusted = holm(tests.map(({ p }) => p))
  return pairs.map(([i, j], nth) => ({
    first: names[i],
    second: names[j],
    difference: rates[j].share - rates[i].share,
    ...newcombe(rates[i], rates[j]),
    ...tests[nth],
    p_holm: adjusted[nth],
    runs_needed: runsNeeded(rates[i].share, rates[j].share),
  }))
}

// Holm 1979.
export function holm(p_values: readonly number[]): number[] {
  const order = p_values.map((_, at) => at).sort((one, other) => p_values[one] - p_values[other])
  const adjusted = p_values.map(() => 0)
  let largest = 0
  order.forEach((at, nth) => {
    largest = Math.max(largest, p_values[at] * (p_values.length - nth))
    adjusted[at] = Math.min(largest, 1)
  })
  return adjusted
}

// The score test, or Fisher's exact one where few successes or failures are expected in either; two-sided. Agresti 2013.
export function rateTest(first: Rate, second: Rate): { test: 'score' | 'fisher'; p: number } {
  const share = (first.successes + second.successes) / (first.n + second.n)
  if (Math.min(first.n, second.n) * Math.min(share, 1 - share) < SMALLEST_EXPECTED) return { test: 'fisher', p: fisher(first, second) }
  const error = Math.sqrt((share * (1 - share)) / first.n + (share * (1 - share)) / second.n)
  return { test: 'score', p: 2 * normalAbove(Math.abs((second.share - first.share) / error)) }
}

// How likely a table is, with these sums, that is as likely as this one or less.
function fisher(first: Rate, second: Rate): number {
  const successes = first.successes + second.successes
  const [low, high] = [Math.max(0, successes - second.n), Math.min(successes, first.n)]
  const likely = [1] // of each number of successes in the first, as a multiple of the smallest number's
  for (let x = low; x < high; x++) {
    const ratio = (((first.n - x) / (x + 1)) * (successes - x)) / (second.n - successes + x + 1)
    likely.push(likely[x - low] * ratio)
  }
  const here = likely[first.successes - low] * (1 + ALIKE)
  const sum = (values: number[]) => values.reduce((one, other) => one + other, 0)
  return Math.min(sum(likely.filter((value) => value <= here)) / sum(likely), 1)
}

// Newcombe 1998, method 10.
export function newcombe(first: Rate, second: Rate): { low: number; high: number } {
  const difference = second.share - first.share
  return {
    low: difference - Math.hypot(second.share - second.low, first.high - first.share),
    high: difference + Math.hypot(first.share - first.low, second.high - second.share),
  }
}

// Cohen 1988: 0.2 is small, 0.5 medium, 0.8 large.
export const cohensH = (first: number, second: number) => 2 * (Math.asin(Math.sqrt(second)) - Math.asin(Math.sqrt(first)))

export interface Trend {
  z: number // above 0: rising
  p: number
}

// Mantel's linear-by-linear test over the order in which the rates stand; null of fewer than three, or where all runs agree.
export function trendOf(rates: readonly Rate[]): Trend | null {
  const sum = (values: number[]) => values.reduce((one, other) => one + other, 0)
  const [successes, n] = [sum(rates.map(({ successes }) => successes)), sum(rates.map(({ n }) => n))]
  if (rates.length < 3 || successes === 0 || successes === n) return null
  const scores = sum(rates.map((rate, score) => score * rate.n))
  const squares = sum(rates.map((rate, score) => score ** 2 * rate.n))
  const wanted = sum(rates.map((rate, score) => score * rate.successes)) - (scores * successes) / n
  const variance = ((squares - scores ** 2 / n) * (successes - successes ** 2 / n)) / (n - 1)
  const z = wanted / Math.sqrt(variance)
  return { z, p: 2 * normalBelow(-Math.abs(z)) }
}

// How often n runs in each of two conditions see an effect of this size.
function powerOf(effect: number, n: number): number {
  const [limit, shift] = [normalQuantile(1 - (1 - LEVEL) / 2), effect * Math.sqrt(n / 2)]
  return normalAbove(limit - shift) + normalBelow(-limit - shift)
}

// Where a function that rises reaches a value, by halving.
function reaches(value: number, rising: (x: number) => number, low: number, high: number): number {
  while (rising(high) < value) high *= 2
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (rising(middle) < value) low = middle
    else high = middle
  }
  return high
}

// The difference from a share, up or down, that n runs in each of two conditions see. (statsmodels solves for it to some 1e-7.)
export function smallestDifference(share: number, n: number): number {
  const h = reaches(POWER, (effect) => powerOf(effect, n), 0, 1)
  const angle = Math.asin(Math.sqrt(share))
  const turned = [angle + h / 2, angle - h / 2]
  const within = turned.filter((turn) => turn >= 0 && turn <= Math.PI / 2)
  const inside = within.length ? within : turned.map((turn) => Math.min(Math.max(turn, 0), Math.PI / 2))
  return Math.max(...inside.map((turn) => Math.abs(Math.sin(turn) ** 2 - share)))
}

// How many runs each of two conditions needs for their difference to be seen; null where there is none.
export function runsNeeded(first: number, second: number): number | null {
  const effect = Math.abs(cohensH(first, second))
  if (effect < 1e-9) return null
  for (let few = 2; few < FEW_RUNS; few++) if (powerOf(effect, few) >= POWER) return few
  return Math.ceil(reaches(POWER, (n) => powerOf(effect, n), 1, FEW_RUNS))
}
