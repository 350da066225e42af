// The settings that have a control: the table of fields that `hello` brings, and what a page alone knows of some.

import type { Fields, Row } from './protocol'

export type Field = Row
type Slider = NonNullable<Row['slider']> // more can be typed

const SLIDERS: Record<string, Slider> = {
  d_head: { low: 1, high: 160, log: true },
  learning_rate: { low: 0.0001, high: 10, log: true },
  momentum: { low: 0, high: 0.99 },
  weight_decay: { low: 0, high: 0.1 },
  steps: { low: 30, high: 20000, log: true },
  n_heads: { low: 1, high: 8 },
  n_layers: { low: 1, high: 4 },
  init_scale: { low: 0.05, high: 20, log: true },
}
const FIRST = ['d_head', 'learning_rate', 'optimizer', 'momentum'] // in this order, before the others
const ONLY_WITH: Record<string, (fields: Fields) => boolean> = {
  d_model: ({ unembed }) => unembed === true,
  nesterov: ({ momentum }) => Number(momentum) > 0,
}

export function controls(table: Row[]): Field[] {
  const place = ({ name }: Row) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)
  return table.map((row) => ({ slider: SLIDERS[row.name], ...row })).sort((one, other) => place(one) - place(other))
}

// Whether a setting does something beside the others.
export function counts({ name, optimizers }: Field, fields: Fields): boolean {
  return (optimizers === null || optimizers.includes(String(fields.optimizer))) && (ONLY_WITH[name]?.(fields) ?? true)
}
