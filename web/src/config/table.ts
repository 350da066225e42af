// The table of fields, as Python declares it beside each setting; what a value must be, and the sentence where it is not.

import { problem } from '../errors'
import { general, numberText, shortened, shortRepr } from '../notation/values'
import type { Problem, Row as Shown, Value } from '../protocol'
import settings from './settings.json'

// low, high: what a number may be; open_low, open_high: but not this one itself; optional: whether it may be nothing.
export interface Row extends Shown {
  default: Value
  low: number | null
  high: number | null
  open_low: boolean
  open_high: boolean
  optional: boolean
}

export const MODEL = settings.model as Row[]
export const TRAINING = settings.training as Row[]

// What is wrong with a value.
export function problemsOf(row: Row, value: Value): Problem[] {
  if ((value === null && row.optional) || fits(row, value)) return []
  const got = row.kind === 'real' && typeof value === 'number' ? shortened(numberText(value, true)) : shortRepr(value)
  return [problem(`${row.name} must be ${wanted(row)}, got ${got}`, row.name)]
}

function fits({ kind, choices, low, high, open_low, open_high }: Row, value: Value): boolean {
  if (kind === 'flag') return typeof value === 'boolean'
  if (kind === 'choice') return typeof value === 'string' && choices.includes(value)
  if (typeof value !== 'number' || !Number.isFinite(value) || (kind === 'whole' && !Number.isInteger(value))) return false
  const above = low === null || (open_low ? value > low : value >= low)
  return above && (high === null || (open_high ? value < high : value <= high))
}

// What a value must be, in words.
function wanted({ kind, choices, low, high, open_low, open_high }: Row): string {
  if (kind === 'flag') return 'True or False'
  if (kind === 'choice') return `one of ${choices.join(', ')}`
  if (kind === 'whole') return `a whole number from ${low} to ${high}`
  const [least, most] = [general(low!), high === null ? '' : general(high)]
  if (high === null) return `a finite number ${open_low ? 'above' : 'at least'} ${least}`
  if (open_low) return `a finite number above ${least} and ${open_high ? 'below' : 'at most'} ${most}`
  return `a finite number from ${least} to ${open_high ? 'below ' : ''}${most}`
}
