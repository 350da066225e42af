// Head sizes are tried in rounds, as many as there is time for.

import { afterEach, expect, it, vi } from 'vitest'
import type { Some } from '../../src/desk/messages'
import { SizesPlan } from '../../src/desk/plans'
import type { Frame } from '../../src/protocol'
import { UNITS } from '../../src/work/units'

afterEach(() => vi.restoreAllMocks())

const NOTHING = { size: 0, first: 0, grades: [], losses: [], diverged: [] }
const SIZES = { kind: 'sizes', id: 0, values: {}, arrays: {} } as unknown as Frame

// The last round that is put into words, where the units take so many milliseconds each, one after the other.
function lastRound(took: (nth: number) => number): number {
  let [now, nth, last] = [0, 0, -1]
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const plan = new SizesPlan({}, 1, UNITS, 1)
  for (let task = plan.next(); task; task = plan.next()) {
    const counts = task.kind === 'counts'
    if (counts) now += took(nth++)
    else last = (task.more as unknown as Some & { round: number }).round
    plan.take({ ...task }, counts ? NOTHING : SIZES)
  }
  expect(plan.over).toBe(true)
  return last
}

it('every size gets its thousand runs, however long the first ones waited', () => {
  expect(lastRound(() => 100)).toBe(UNITS.length - 1)
  expect(lastRound((nth) => (nth < 3 ? 500_000 : 100))).toBe(UNITS.length - 1)
})

it('where a round takes too long, there are no more after it', () => {
  expect(lastRound(() => 200_000)).toBe(0)
  expect(lastRound(() => 60_000)).toBe(2)
})
