import { calledOf, minimalSets, saidOf, type SetsRow } from '../../../src/analysis/minimal/minimal_sets'
import { andMore } from '../../../src/notation/values'
import type { Twin } from '../twin'

const MOST = 2 // dependencies
const MOST_SETS = 6 // that are listed

export function said({ number, subject }: Twin) {
  if (!subject.dependencies.length || (number && subject.model.n_layers > 1)) return null
  const work = minimalSets(subject, subject.dependencies.slice(0, MOST))
  let step = work.next()
  while (!step.done) step = work.next()
  const rows = step.value.toList()
  return { rows: rows.map((row) => ({ ...row, in_words: row.in_words.length })), lines: rows.flatMap(linesOf) }
}

function linesOf(row: SetsRow): string[] {
  const [first, ...beyond] = saidOf(row)
  const more = andMore(row.sets.length - MOST_SETS, 'sets', 'everything')
  return [`${calledOf(row)}: ${first}`, ...[...row.in_words.slice(0, MOST_SETS), ...more, ...beyond].map((line) => `  ${line}`)]
}
