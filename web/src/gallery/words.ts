// Numbers as the gallery writes them (src/headlab/report/words/gallery.py).

import { decimals } from '../notation/numbers'

const [DIGITS, MOST_DIGITS] = [4, 8]

// Four decimals, and more where these would make it whole and it is not.
export function numberText(value: number): string {
  if (Number.isInteger(value)) return decimals(value, 0)
  let digits = DIGITS
  while (digits < MOST_DIGITS && Number.isInteger(Number(value.toFixed(digits)))) digits++
  return decimals(value, digits)
}
