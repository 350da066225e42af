// Numbers as the views draw them; as text they are what sentences and tables have.

import { percent as inPercent, rounded, withSign } from './notation/numbers'

const BOUNDARY = 9 // decimals to which a number is taken first, as in sentences (words.json)

// Of a picture's logits; what is said of a run goes by the kernel's shares.
export function softmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits)
  const powers = logits.map((logit) => Math.exp(logit - top))
  const sum = powers.reduce((all, power) => all + power, 0)
  return powers.map((power) => power / sum)
}

export function argmax(values: ArrayLike<number>): number {
  let best = 0
  for (let index = 1; index < values.length; index++) if (values[index] > values[best]) best = index
  return best
}

export const signed = (value: number, digits = 2): string => withSign(rounded(value, BOUNDARY), digits)

// Values rounded so that what is shown adds up to what is shown of their sum: where rounding misses it, those that lie nearest to
// the other neighbour go there, the largest last.
export function addingUp(values: number[], digits = 2): number[] {
  const unit = 10 ** digits
  const units = (value: number) => Math.round(rounded(rounded(value, BOUNDARY), digits) * unit)
  const whole = values.map(units)
  const total = units(values.reduce((sum, value) => sum + value, 0))
  let missing = total - whole.reduce((sum, value) => sum + value, 0)
  if (!Number.isFinite(missing)) return values
  const step = Math.sign(missing)
  const largest = argmax(values.map(Math.abs))
  const gain = (at: number) => (values[at] * unit - whole[at]) * step - (at === largest ? 2 : 0)
  const order = values.map((_, at) => at).sort((one, other) => gain(other) - gain(one))
  for (let at = 0; missing !== 0 && order.length; at = (at + 1) % order.length, missing -= step) whole[order[at]] += step
  return whole.map((value) => value / unit)
}

// Words of whoever answers for a page: no line ends between a number and its percent sign.
export const kept = (text: string) => text.replaceAll(' %', '\u00a0%')

export const percent = (share: number): string => kept(inPercent(rounded(share, BOUNDARY)))

// A share as it stands in a cell, the same everywhere: .97, 1.00, .00.
export const short = (value: number) => (Number.isFinite(value) ? value.toFixed(2).replace(/^0/, '') : '–')

// Which text is readable on the colour of this strength.
export const strength = (share: number) => (share > 0.75 ? 'deep' : share > 0.6 ? 'middle' : '')

export const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))
