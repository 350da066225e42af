// Counts, times, shares, differences, verbs, to the digit as src/headlab/notation/numbers.py writes them.

// A number with so many decimals, as Python formats it: of two that are equally near, the even one.
export function fixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  if (Math.abs(value) >= 1e21) return BigInt(value).toString() + (decimals ? `.${'0'.repeat(decimals)}` : '')
  const text = value.toFixed(decimals)
  const halfway = Math.abs(value) * 2 ** (decimals + 1)
  const sign = Object.is(value, -0) || (value < 0 && !text.startsWith('-')) ? '-' : ''
  if (halfway % 2 !== 1) return sign + text
  const last = Number(text.at(-1)) // toFixed takes the larger one
  return sign + text.slice(0, -1) + (last % 2 ? last - 1 : last)
}

export const rounded = (value: number, decimals: number): number => (Number.isFinite(value) ? Number(fixed(value, decimals)) : value)

const withMinus = (text: string) => text.replace('-', '−')

// With so many decimals, never minus zero.
export const decimals = (value: number, digits: number): string => withMinus(fixed(rounded(value, digits) + 0, digits))

// The same with its sign.
export function withSign(value: number, digits: number): string {
  const text = decimals(value, digits)
  return text.startsWith('−') ? text : `+${text}`
}

// A share in whole percent, with a sign where it is a difference.
export function percent(share: number, sign = false): string {
  const text = withSign(100 * share, 0)
  return `${sign || !text.startsWith('+') ? text : text.slice(1)} %`
}

// 1,234
export const grouped = (number: number | bigint): string => number.toString().replace(/\B(?=(\d{3})+$)/g, ',')

export const quantity = (number: number, noun: string): string => `${grouped(number)} ${noun}${number === 1 ? '' : 's'}`

export function duration(seconds: number): string {
  if (seconds < 90) return `${fixed(seconds, seconds < 10 ? 1 : 0)} s`
  return seconds < 5400 ? `${fixed(seconds / 60, 0)} minutes` : `${fixed(seconds / 3600, 1)} hours`
}

export const isOrAre = (number: number): string => (number === 1 ? 'is' : 'are')
