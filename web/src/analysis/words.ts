// The one table of what explanations say, which Python reads, too: clauses and what each measures, thresholds, names, rounding.

import table from '../../../src/headlab/analysis/words.json'

export const TABLE = table
export type Threshold = keyof typeof table.thresholds
export const THRESHOLDS = Object.fromEntries(Object.entries(table.thresholds).map(([name, { value }]) => [name, value])) as Record<
  Threshold,
  number
>
// What clauses and names are joined with.
export const PHRASES = table.phrases
export const LIMITS = Object.fromEntries(Object.entries(table.limits).map(([name, { value }]) => [name, value])) as Record<
  keyof typeof table.limits,
  number
>

// A text with its {names} filled in, as Python's format does it.
export const filled = (text: string, values: Record<string, unknown>): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]))
