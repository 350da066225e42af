// Values and lists of names as messages show them, in Python's way of writing: never long.

import { fixed, grouped } from './numbers'

const LONG = 200
const UNPRINTABLE = /[\p{C}\p{Z}]/u

// A number as it is in Python, where 1 and 1.0 are told apart: real ones have a point or an exponent.
export function numberText(value: number, real = false): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  if (Number.isInteger(value) && !real && Math.abs(value) < 1e21) return String(BigInt(value))
  const [digits, power] = value.toExponential().split('e')
  if (Number(power) >= -4 && Number(power) < 16) {
    const plain = Number(power) < 0 ? fraction(digits, Number(power)) : String(value)
    return plain.includes('.') ? plain : Object.is(value, -0) ? '-0.0' : `${plain}.0`
  }
  const size = String(Math.abs(Number(power))).padStart(2, '0')
  return `${digits}e${Number(power) < 0 ? '-' : '+'}${size}`
}

function fraction(digits: string, power: number): string {
  const sign = digits.startsWith('-') ? '-' : ''
  return `${sign}0.${'0'.repeat(-power - 1)}${digits.replace(/[-.]/g, '')}`
}

// A number in six digits, as Python's format `g` has it.
export function general(value: number): string {
  if (value === 0) return '0'
  const [digits, power] = value.toExponential(5).split('e')
  const places = Number(power)
  if (places < -4 || places >= 6) {
    const size = String(Math.abs(places)).padStart(2, '0')
    return `${trimmed(digits)}e${places < 0 ? '-' : '+'}${size}`
  }
  return trimmed(fixed(value, 5 - places))
}

const trimmed = (digits: string) => (digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits)

export function text(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'"
  const letters = Array.from(value, (letter) => {
    if (letter === quote || letter === '\\') return `\\${letter}`
    return letter !== ' ' && UNPRINTABLE.test(letter) ? escaped(letter) : letter
  })
  return `${quote}${letters.join('')}${quote}`
}

const NAMED: Record<string, string> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' }

// A character as Python escapes it.
export function escaped(letter: string): string {
  const code = letter.codePointAt(0)!
  if (NAMED[letter]) return NAMED[letter]
  if (code >= 0x20 && code < 0x7f) return letter
  const hex = (digits: number) => code.toString(16).padStart(digits, '0')
  return code < 0x100 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`
}

export function repr(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'string') return text(value)
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([name, item]) => `${text(name)}: ${repr(item)}`)
      .join(', ')}}`
  return typeof value
}

export const str = (value: unknown) => (typeof value === 'string' ? value : repr(value))

// A value as a message shows it: as Python writes it, but never long.
export function shortRepr(value: unknown): string {
  return shortened(repr(value))
}

export function shortened(said: string): string {
  const letters = Array.from(said)
  return letters.length <= LONG ? said : `${letters.slice(0, LONG).join('')}…`
}

// What there is to choose from: the first ones, and how many more.
export function listing(names: readonly unknown[], between = ', ', most = 20): string {
  const more = names.length > most ? [`… and ${grouped(names.length - most)} more`] : []
  return [...names.slice(0, most).map(String), ...more].join(between)
}

// Names as a sentence goes on with them: all, or the first ones and how many more.
export function enumeration(names: readonly string[], most: number): string {
  const left = names.length - most
  const last = left > 0 ? `${grouped(left)} more` : names[names.length - 1]
  const before = left > 0 ? names.slice(0, most) : names.slice(0, -1)
  return before.length ? `${before.join(', ')} and ${last}` : last
}

// The sentence that counts what is not shown; none where everything is.
export function andMore(left: number, what: string, where = ''): string[] {
  if (left <= 0) return []
  const rest = `… and ${grouped(left)} more ${left === 1 ? one(what) : what}`
  return [where ? `${rest}; \`${where}\` has ${left === 1 ? 'it' : 'them all'}.` : `${rest}.`]
}

function one(what: string): string {
  const [, noun, rest] = /^(.*?)((?: of | that |$).*)$/s.exec(what)!
  return noun.replace(/ies$|s$/, (end) => (end === 'ies' ? 'y' : '')) + rest
}

// Which of two texts is first in the order of their characters' numbers.
export function inCodePoints(one: string, other: string): number {
  const [mine, theirs] = [[...one], [...other]]
  for (let at = 0; at < mine.length && at < theirs.length; at++) {
    const apart = mine[at].codePointAt(0)! - theirs[at].codePointAt(0)!
    if (apart) return apart
  }
  return mine.length - theirs.length
}
