// The figure to hand in: of each shown sentence where a head looks and what is predicted, with what it is of above it
// (src/headlab/report/figures/runs.py draws the same).

import settings from '../config/settings.json'
import type { Corpus } from '../data/corpus'
import { fixed, grouped, withSign } from '../notation/numbers'
import { andMore } from '../notation/values'
import type { Shown } from './csv'
import type { Drawing, Mark } from './drawing'

const MOST = { sentences: 12, rows: 64, columns: 24, cells: 2000 }
const LONGEST = 16 // letters of a name
const FLAT = 7 // of a name that fits above a column
const CELL = { width: 46, height: 25 }
const [SIZE, LETTER, LINE, GAP, EDGE] = [12, 6.8, 17, 26, 14] // of letters, the width of one, of a line, between tables, around all

const [HUE] = settings.shades.hue // of light paper
const [ANTI] = settings.shades.anti
const INK = '#000000'

// What numbers are, above them.
export const WORDS = { pattern: 'attention weights', sigmoid: 'sigmoid outputs', probs: 'probabilities (softmax)', logits: 'logits' }

export interface About {
  corpus: Pick<Corpus, 'sentences' | 'start'>
  model: { d_head: number; n_heads: number; n_layers: number }
  seed: bigint | number | string | null // null: its weights were given
  step: number
  loss: number | null // null: beyond all numbers
  outcome: string // said in place of a loss that is no number
}

// What a figure is of, in two lines.
export function aboutRun({ corpus, model, seed, step, loss, outcome }: About): string[] {
  const first = corpus.start === null ? 0 : 1
  const some = corpus.sentences.slice(0, 2).map((words) => words.slice(first).join(' '))
  const parts = [
    seed === null ? 'given weights' : `seed ${seed}`,
    `d_head ${model.d_head}`,
    ...(model.n_heads > 1 ? [`${model.n_heads} heads`] : []),
    ...(model.n_layers > 1 ? [`${model.n_layers} layers`] : []),
    `step ${grouped(step)}`,
    loss !== null && Number.isFinite(loss) ? `loss ${fixed(loss, 3)}` : outcome,
  ]
  return [[...some, ...(corpus.sentences.length > 2 ? ['…'] : [])].join(' / '), parts.join(', ')]
}

interface Table {
  title: string
  rows: readonly string[]
  columns: readonly string[]
  values: readonly (readonly number[])[]
}

export function figureOf(shown: Shown, about: readonly string[]): Drawing {
  const { sentences, layer, head, output, vocabulary } = shown
  const heads = shown.several ? ` of head ${layer}.${head}` : ''
  const pairs = sentences.slice(0, MOST.sentences).map(({ words, pattern, predictions }, nth): [Table, Table] => {
    const rows = words.map((word, position) => `${position} ${word}`)
    return [
      { title: `sentence ${nth + 1}: ${WORDS.pattern}${heads}`, rows, columns: words, values: pattern },
      { title: `sentence ${nth + 1}: ${WORDS[output]}`, rows, columns: vocabulary, values: predictions },
    ]
  })
  let cells = 0
  const cut = pairs
    .map((tables) => tables.map(withRoom) as [Table, Table])
    .filter((tables, nth) => (cells += tables.reduce((sum, table) => sum + sizeOf(table), 0)) <= MOST.cells || nth === 0)
  const lines = [...about, ...andMore(sentences.length - cut.length, 'sentences'), ...rest(pairs.slice(0, cut.length).flat(), cut.flat())]
  return laidOut(cut, lines)
}

const sizeOf = ({ rows, columns }: Table) => rows.length * columns.length

// The first rows, and of too many columns those with the largest numbers, in their own order.
function withRoom({ title, rows, columns, values }: Table): Table {
  const kept = values.slice(0, MOST.rows)
  const strength = columns.map((_, column) => Math.max(0, ...kept.map((row) => Math.abs(row[column]) || 0)))
  const order = columns.map((_, column) => column).sort((one, other) => strength[other] - strength[one] || one - other)
  const some = order.slice(0, MOST.columns).sort((one, other) => one - other)
  return {
    title,
    rows: rows.slice(0, MOST.rows),
    columns: some.map((column) => columns[column]),
    values: kept.map((row) => some.map((column) => row[column])),
  }
}

// How many rows and columns are left out of the table that loses most.
function rest(whole: readonly Table[], cut: readonly Table[]): string[] {
  const most = (of: 'rows' | 'columns') => Math.max(0, ...cut.map((table, nth) => whole[nth][of].length - table[of].length))
  return [...andMore(most('rows'), 'rows'), ...andMore(most('columns'), 'columns')]
}

function laidOut(pairs: readonly (readonly [Table, Table])[], lines: readonly string[]): Drawing {
  const names = [0, 1].map((side) => Math.max(...pairs.map((tables) => namesWidth(tables[side]))))
  const widths = [0, 1].map((side) => Math.max(...pairs.map((tables) => widthOf(tables[side], names[side]))))
  const width = Math.max(2 * EDGE + widths[0] + GAP + widths[1], 360)
  const room = Math.floor((width - 2 * EDGE) / LETTER)
  const marks: Mark[] = lines.map((line, nth) => ({
    ...{ x: EDGE, y: EDGE + SIZE + LINE * nth, words: shortened(line, room) },
    ...{ size: SIZE, fill: INK },
  }))
  let y = EDGE + LINE * lines.length + GAP / 2
  for (const tables of pairs) {
    const above = Math.max(...tables.map(roomAbove))
    tables.forEach((table, side) => marks.push(...drawn(table, EDGE + side * (widths[0] + GAP), y, above, names[side])))
    y += LINE + above + CELL.height * Math.max(...tables.map(({ rows }) => rows.length)) + GAP
  }
  return { title: lines.join('; '), width, height: y - GAP + EDGE, marks }
}

const shortened = (name: string, most = LONGEST) => {
  const letters = Array.from(name)
  return letters.length <= most ? name : `${letters.slice(0, most - 1).join('')}…`
}
const lettersOf = (names: readonly string[]) => Math.max(0, ...names.map((name) => Array.from(shortened(name)).length))
const namesWidth = ({ rows }: Table) => lettersOf(rows) * LETTER + 8
const overhang = ({ columns }: Table) => (lettersOf(columns) > FLAT ? lettersOf(columns.slice(-1)) * LETTER * 0.82 - CELL.width / 2 : 0)
const roomAbove = ({ columns }: Table) => (lettersOf(columns) > FLAT ? lettersOf(columns) * LETTER * 0.6 + SIZE : LINE)

const widthOf = (table: Table, names: number) =>
  Math.max(names + CELL.width * table.columns.length + Math.max(0, overhang(table)), table.title.length * LETTER)

function drawn(table: Table, x: number, y: number, above: number, names: number): Mark[] {
  const { title, rows, columns, values } = table
  const known = values.flat().filter(Number.isFinite)
  const shares = known.length > 0 && known.every((value) => value >= 0 && value <= 1)
  const reach = Math.max(0, ...known.map(Math.abs)) || 1
  const slant = lettersOf(columns) > FLAT
  const [left, top] = [x + names, y + LINE + above]
  const words = (at: number, base: number, text: string, more: Partial<Mark>): Mark => ({
    x: at,
    y: base,
    words: text,
    size: SIZE,
    fill: INK,
    ...more,
  })
  const middle = (column: number) => left + CELL.width * (column + 0.5)
  const base = (row: number) => top + CELL.height * row + CELL.height / 2 + SIZE * 0.36
  return [
    words(x, y + SIZE, title, { size: SIZE + 1 }),
    ...columns.map((name, column) => words(middle(column), top - 6, shortened(name), { anchor: slant ? 'start' : 'middle', slant })),
    ...rows.map((name, row) => words(left - 6, base(row), shortened(name), { anchor: 'end' })),
    ...values.flatMap((line, row) =>
      line.flatMap((value, column): Mark[] => {
        const fill = colorOf(shares ? value : value / reach)
        const box = { x: left + CELL.width * column, y: top + CELL.height * row, width: CELL.width, height: CELL.height, fill }
        return [box, words(middle(column), base(row), numberIn(value, shares), { anchor: 'middle', size: SIZE - 1, fill: inkOn(fill) })]
      }),
    ),
  ]
}

function numberIn(value: number, shares: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value > 0 ? '+∞' : '−∞'
  if (shares) return fixed(value, 3)
  if (Math.abs(value) < 1e4) return withSign(value, 1)
  return value.toExponential(0).replace('-', '−')
}

// Of a number from -1 to 1, on white.
function colorOf(value: number): string {
  const share = Math.min(Math.abs(value) || 0, 1)
  return `#${channels(value < 0 ? ANTI : HUE)
    .map((channel) =>
      Math.round(255 + share * (channel - 255))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`
}

const channels = (color: string) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))

// Black or white, whichever is read more easily (WCAG's contrast).
function inkOn(color: string): string {
  const [red, green, blue] = channels(color).map((channel) =>
    channel / 255 <= 0.03928 ? channel / 3294.6 : ((channel / 255 + 0.055) / 1.055) ** 2.4,
  )
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  return 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? '#ffffff' : INK
}
