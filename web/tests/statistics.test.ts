// Statistics of head sizes, as Python has them (tests/test_twin_statistics.py): texts to the letter, numbers to 1e-12.
import { expect, it, vi } from 'vitest'
import told from '../../tests/data/statistics.json'
import { GRADES, NOTHING_TO_SOLVE } from '../src/analysis/looking/predictions'
import { medianDifference, medianTest, quartiles, RESAMPLES } from '../src/statistics/medians'
import { normalAbove, normalBelow, normalQuantile } from '../src/statistics/normal'
import { drawn } from '../src/statistics/philox'
import { compareRates, smallestDifference, trendOf, wilson } from '../src/statistics/rates'
import { answerOnSizes, type Difference } from '../src/statistics/sizes'
import { differences, type Plain, plain } from './twins/plain'

vi.setConfig({ testTimeout: 60_000 }) // milliseconds, on a busy machine

const UNIT = 10_000 // losses are written as so many parts

const same = (ours: unknown, theirs: unknown) => expect([...differences(plain(ours), theirs as Plain)].slice(0, 10)).toEqual([])

it('what a bootstrap draws is the same anywhere', () => {
  const draws = [0, 1].flatMap((sample) => Object.values(drawn(sample, RESAMPLES)))
  expect(draws.flatMap((values) => [values[0], values[9999]])).toEqual([
    ...[0.17893146779634694, 0.4198142663336043, 0.988172588012238, 0.9686031631734903],
    ...[0.30871764503151167, 0.12672446915014757, 0.133384209898311, 0.0029704660563472096],
  ])
})

it('shares, their comparisons and their trend', () => {
  const ours = told.rates.map(({ asked }) => {
    const rates = asked.map(([solved, n]) => wilson(solved, n))
    const numbers = rates.map((_, at) => at)
    const pairs = numbers.flatMap((i) => numbers.filter((j) => j > i).map((j): [number, number] => [i, j]))
    const trend = trendOf(rates)
    return {
      asked,
      wilson: rates.map(({ low, high }) => [low, high]),
      trend: trend && [trend.z, trend.p],
      pairs: compareRates(numbers, rates, pairs).map((c) => [c.difference, c.low, c.high, c.test, c.p, c.p_holm, c.runs_needed]),
    }
  })
  same(ours, told.rates)
})

it('losses, their quartiles, and the bootstrap of two medians', () => {
  const ours = told.medians.map(({ asked }) => {
    const [first, second] = asked.map((values) => values.map((loss) => loss / UNIT))
    const found = medianDifference(first, second)
    const difference = found && [found.difference, found.low, found.high]
    return { asked, difference, p: medianTest(first, second), quartiles: quartiles(first) }
  })
  same(ours, told.medians)
})

it('the answer on head sizes, every sentence to the letter', () => {
  const names = [...GRADES, NOTHING_TO_SOLVE]
  const numbers = ({ value, base, difference, low, high, p_holm, verdict }: Difference) => ({
    ...{ value, base, difference, low, high, p_holm, verdict },
  })
  const ours = told.answers.map(({ asked }) => {
    const groups = asked.map(({ size, grades, losses, diverged }) => ({
      size,
      grades: grades.map((grade) => names[grade]),
      losses: losses.map((loss) => (loss === null ? NaN : loss / UNIT)),
      diverged: grades.map((_, run) => diverged.includes(run)),
    }))
    const { question, sentences, how_sure, base, against, loss_of } = answerOnSizes(groups, 7, 7)
    const head_sizes = against.map(({ group, share, loss }) => ({
      ...{ d_head: group.size, runs: group.grades.length, share: numbers(share) },
      loss: { ...numbers(loss), of: loss_of },
    }))
    return { asked, question, sentences, how_sure, numbers: { against: base, head_sizes } }
  })
  same(ours, told.answers)
})

it.each([-30, -9, -3, -0.5, 0, 1e-9, 2.9999999, 3, 5])('the normal distribution at %f is its own inverse', (z) => {
  expect(normalAbove(z) + normalBelow(z)).toBeCloseTo(1, 15)
  const share = normalBelow(-Math.abs(z))
  expect(Math.abs(normalQuantile(share) + Math.abs(z))).toBeLessThan(1e-13 * Math.max(1, Math.abs(z)))
})

it.each([
  [0.5, 100, 0.192959],
  [0.791, 76, 0.208031],
])('the smallest difference from %f that %i runs see is what statsmodels finds, to the 1e-6 that it solves for', (share, n, wanted) => {
  expect(smallestDifference(share, n)).toBeCloseTo(wanted, 5)
})
