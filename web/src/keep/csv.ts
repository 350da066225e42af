// Tables as CSV, as src/headlab/notation/csv_text.py writes them with safe=True: no cell is run as a formula, and every number is in full.

import { numberText } from '../notation/values'

// What text begins with that gets an apostrophe in front.
const FORMULAS = ["'", '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']

export type Cell = string | number | boolean | null

// A column and what stands in it; real: whether its numbers are real ones.
export interface Column {
  name: string
  cells: readonly Cell[]
  real?: boolean
}

export function csvText(columns: readonly Column[]): string {
  const empty = columns.length === 1 ? '""' : '' // a blank line would be no row at all
  const rows = (columns[0]?.cells ?? []).map((_, row) => columns.map(({ cells, real }) => written(cells[row], real) || empty))
  return [columns.map(({ name }) => quoted(name)), ...rows].map((row) => `${row.join(',')}\n`).join('')
}

function written(cell: Cell, real = false): string {
  if (cell === null) return ''
  if (typeof cell === 'boolean') return cell ? 'TRUE' : 'FALSE'
  if (typeof cell === 'number') return Number.isFinite(cell) ? numberText(cell, real) : ''
  return quoted(cell)
}

function quoted(text: string): string {
  const safe = FORMULAS.some((mark) => text.startsWith(mark)) ? `'${text}` : text
  return !safe || /[,"\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

// What a head looks at and what is predicted, of the sentences that are shown.
export interface Shown {
  step: number
  layer: number
  head: number
  several?: boolean // heads, so that a figure must say which one this is
  output: 'sigmoid' | 'probs' | 'logits' // what the predictions are
  vocabulary: readonly string[]
  sentences: readonly {
    words: readonly string[]
    pattern: readonly (readonly number[])[] // [query][key]
    predictions: readonly (readonly number[])[] // [position][token]
  }[]
}

// A line a number.
export function tableOf({ step, layer, head, output, vocabulary, sentences }: Shown): string {
  const lines = sentences.flatMap(({ words, pattern, predictions }, sentence) => {
    const line = (position: number, kind: string, of: string, value: number) => ({
      sentence: sentence + 1,
      position,
      token: words[position],
      kind,
      of,
      value,
    })
    return [
      ...pattern.flatMap((row, at) => words.map((word, key) => line(at, 'attention', word, row[key]))),
      ...predictions.flatMap((row, at) => vocabulary.map((word, token) => line(at, output, word, row[token]))),
    ]
  })
  const column = (name: keyof (typeof lines)[number]) => ({ name, cells: lines.map((line) => line[name]) })
  const always = (name: string, value: number) => ({
    name,
    cells: lines.map(({ kind }) => (kind === 'attention' || name === 'step' ? value : null)),
  })
  return csvText([
    always('step', step),
    ...(['sentence', 'position', 'token', 'kind'] as const).map(column),
    ...[always('layer', layer), always('head', head), column('of'), { ...column('value'), real: true }],
  ])
}
