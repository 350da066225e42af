// What answers can be measured by: the table that Python reads, too (src/headlab/homework/assignment/quantities.json).

import table from '../../../src/headlab/homework/assignment/quantities.json'

export interface Quantity {
  name: string
  sentence?: number // from 1
  word?: string | number // a word of the sentence, or its position
  on?: string | number
  of?: string | null
  layer?: number | null
  head?: number
  part?: string
  ablation?: string
  value?: string | number
  base?: string | number
  measure?: string
}

interface Row {
  of: 'run' | 'runs'
  parameters: string[]
  answer: 'number' | 'option' | 'token' | 'position' | 'head'
  label: string
  digits?: number
  options?: Record<string, string>
}

export const QUANTITIES = table.quantities as Record<string, Row>
const parameters = table.parameters as Record<string, { kind: string; default?: unknown }>
export const DEFAULTS = Object.fromEntries(
  Object.entries(parameters).flatMap(([name, row]) => ('default' in row ? [[name, row.default]] : [])),
) as Partial<Quantity>

// What is right of a run or of collected ones, any of it, and how it is said.
export interface Measured {
  values: (string | number)[]
  shown: string
}

export const NOTHING: Measured = { values: [], shown: 'nothing that can be measured' }

// Whether an answer is right; tolerance: of a number, how far off it may be, beside the rounding of what is shown.
export function holds({ values }: Measured, { name }: Quantity, said: string | number | undefined, tolerance = 0): boolean {
  const { answer, digits = 0 } = QUANTITIES[name]
  if (answer !== 'number') return said !== undefined && values.includes(said)
  const [number, off] = [numberIn(said), 0.5000001 * 10 ** -digits + tolerance]
  return values.some((value) => Math.abs(number - Number(value)) <= off)
}

const DECIMAL = /^[+\u2212-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?$/

// With a point or a comma; NaN where it is none.
export function numberIn(said: string | number | undefined): number {
  const text = String(said ?? '').trim()
  const number = DECIMAL.test(text) ? Number(text.replace(',', '.').replace('\u2212', '-')) : NaN
  return Number.isFinite(number) ? number : NaN
}
