// The one table of what explanations say, which Python reads, too: clauses and what each measures, thresholds, names, rounding.

import table from '../../../src/headlab/analysis/words.json'

export const TABLE = table
export type Threshold = keyof typeof table.thresholds
export const THRESHOLDS = Object.fromEntries(Object.entries(table.thresholds).map(([name, { value }]) => [name, value])) as Record<
  Threshold,
  number
>
