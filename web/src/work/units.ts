// Which trainings the answer about head sizes takes: rounds of them, each of so many seeds at every size.

export const SIZES = [10, 20, 40] // the homework's own
export const CONTEXT = [1, 5] // shown beside them, and not in the answer
export const EACH = 40 // seeds that a size gets in a round
export const ROUNDS = 25 // 1,000 in the end
const MORE_ROUNDS = 4 // of those beside them alone, when the answer is there

// A training of seeds from `first` on, at one size.
export interface Unit {
  size: number
  first: number
  count: number
}

export function unitsOf(round: number): Unit[] {
  const of = (sizes: readonly number[], nth: number) => sizes.map((size) => ({ size, first: nth * EACH, count: EACH }))
  if (round >= ROUNDS) return of(CONTEXT, round - ROUNDS + 1)
  return of(round === 0 ? [...SIZES, ...CONTEXT] : SIZES, round)
}

export const UNITS = Array.from({ length: ROUNDS + MORE_ROUNDS }, (_, round) => unitsOf(round))
