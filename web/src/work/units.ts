// Which trainings the answer about head sizes takes: rounds of them, each of so many seeds at every size.

export const SIZES = [10, 20, 40] // the homework's own
export const CONTEXT = [1, 5] // shown beside them, and not in the answer
export const EACH = 40 // seeds that a size gets in a round
export const ROUNDS = 25 // 1,000 in the end
const CONTEXT_ROUNDS = 5 // in which those beside them take part

// A training of seeds from `first` on, at one size.
export interface Unit {
  size: number
  first: number
  count: number
}

export function unitsOf(round: number): Unit[] {
  const sizes = round < CONTEXT_ROUNDS ? [...SIZES, ...CONTEXT] : SIZES
  return sizes.map((size) => ({ size, first: round * EACH, count: EACH }))
}
