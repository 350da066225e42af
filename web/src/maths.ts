export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits)
  const top = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - top))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}

export function sigmoid(logits: ArrayLike<number>): number[] {
  return Array.from(logits, (value) => 1 / (1 + Math.exp(-value)))
}

export function argmax(values: ArrayLike<number>): number {
  let best = 0
  for (let index = 1; index < values.length; index++) if (values[index] > values[best]) best = index
  return best
}

export const signed = (value: number, digits = 2) => {
  const shown = Math.abs(value).toFixed(digits)
  return (value < 0 && Number(shown) !== 0 ? '−' : '+') + shown // never −0.00
}
// Words of the server for a page: no line ends between a number and its percent sign.
export const kept = (text: string) => text.replaceAll(' %', '\u00a0%')

export const percent = (value: number) => `${value < -0.005 ? '−' : ''}${Math.abs(Math.round(100 * value))}\u00a0%`

// A share as short as it can be read in a small cell: .97, 1, 0.
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (value >= 0.995) return '1'
  return value < 0.005 ? '0' : value.toFixed(2).slice(1)
}

// Which text is readable on a colour of this strength.
export const strength = (share: number) => (share > 0.87 ? 'deep' : share > 0.4 ? 'middle' : '')

export const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))
