// Runs that were collected at values of a setting, alike in all else, and what they give together.

import { SOLVED } from '../analysis/looking/predictions'
import { fixed } from '../notation/numbers'
import type { Fields, Value } from '../protocol'
import { median } from '../statistics/medians'
import { against, type Group } from '../statistics/sizes'
import { fieldsOf, type Question } from './assignment'
import type { Facts } from './missing'
import { type Measured, NOTHING, QUANTITIES, type Quantity } from './table'

type Asked = NonNullable<Question['runs']>

export interface CollectedRun {
  value: Value
  seed: string
  facts: Facts
}

// Those that are trained and that most are alike with, one a seed at each value, in the order in which they were collected.
export function collectedOf(
  { setting, values }: Asked,
  addresses: readonly string[],
  start: Fields,
  facts: ReadonlyMap<string, Facts>,
): CollectedRun[] {
  const every = addresses.flatMap((address) => {
    const known = facts.get(address)
    if (!known) return []
    const { seed, [setting]: value, ...rest } = fieldsOf(address, start)
    return [{ value, seed: String(seed), rest: JSON.stringify(rest), facts: known }]
  })
  const count = (rest: string) => every.filter((one) => one.rest === rest).length
  const most = every.reduce((best, { rest }) => (count(rest) > count(best) ? rest : best), every[0]?.rest ?? '')
  const seen = new Set<string>()
  return every.filter(({ value, seed, rest }) => {
    const name = `${String(value)} ${seed}`
    const fresh = rest === most && values.includes(value) && !seen.has(name)
    seen.add(name)
    return fresh
  })
}

export const runsAt = (runs: readonly CollectedRun[], value: Value) => runs.filter((run) => run.value === value)

const lossOf = ({ facts }: CollectedRun) => facts.loss ?? Infinity

export function measureCollected(quantity: Quantity, { values }: Asked, runs: readonly CollectedRun[]): Measured {
  const here = runsAt(runs, quantity.value as Value)
  const { digits = 3, options = {} } = QUANTITIES[quantity.name]
  const number = (value: number): Measured => (Number.isFinite(value) ? { values: [value], shown: fixed(value, digits) } : NOTHING)
  if (quantity.name === 'share') return number(here.filter(({ facts }) => facts.grade === SOLVED).length / here.length)
  if (quantity.name === 'median_loss') {
    const losses = here.map(lossOf).filter(Number.isFinite)
    return number(losses.length ? median(losses) : NaN)
  }
  const groups = values.flatMap((value): Group[] => {
    const some = runsAt(runs, value)
    const of = <Item>(item: (run: CollectedRun) => Item) => some.map(item)
    return some.length
      ? [
          {
            size: value as number,
            grades: of(({ facts }) => facts.grade),
            losses: of(lossOf),
            diverged: of(({ facts }) => !facts.finished),
          },
        ]
      : []
  })
  const base = quantity.base as number
  const known = groups.some(({ size }) => size === base)
  const found = known ? against(groups, base).find(({ group }) => group.size === quantity.value) : undefined
  if (!found) return NOTHING
  const { verdict } = quantity.measure === 'loss' ? found.loss : found.share
  return { values: [verdict], shown: options[verdict] ?? verdict }
}
