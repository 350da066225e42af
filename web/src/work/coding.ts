// The coding split as an equation in words, whose digits add up as they are shown.

import type { RunRecord, Split } from '../analysis/explanation/record'
import { TIE } from '../analysis/looking/predictions'
import { filled, PHRASES, TABLE } from '../analysis/words'
import { percent, rounded, withSign } from '../notation/numbers'

const { decimals: DECIMALS } = TABLE.rounding.logits
const CODED = ['pattern', 'value', 'direct'] as const
const ALIKE = 0.005 // of a logit: what is shown alike

export function codingSentence(record: RunRecord, coding: Split): string {
  const [here, compared] = [rounded(record.difference, DECIMALS), record.difference - coding.total]
  const average = record.rivals.length === 1 ? PHRASES.where_it_is : PHRASES.where_they_are
  const form = Math.abs(compared - record.other_difference) < ALIKE ? PHRASES.in_sentence : average
  const there = filled(form, { logits: leadText(compared), sentence: (record.other_sequence ?? 0) + 1 })
  const total = here - rounded(compared, DECIMALS)
  const shown = {
    pattern: rounded(coding.pattern, DECIMALS),
    value: rounded(coding.value, DECIMALS),
    direct: rounded(coding.direct, DECIMALS),
  }
  const largest = CODED.reduce((most, name) => (Math.abs(shown[name]) > Math.abs(shown[most]) ? name : most))
  shown[largest] = total - CODED.filter((name) => name !== largest).reduce((sum, name) => sum + shown[name], 0)
  const parts = CODED.filter((name) => name !== 'direct' || shown[name]).map((name) =>
    filled(PHRASES.coded_part, { logits: logitsText(shown[name]), share: percent(coding[`${name}_share`]), part: TABLE.coding[name] }),
  )
  return filled(PHRASES.coded, { here: leadText(record.difference), there, total: logitsText(total), parts: parts.join(', ') })
}

// A logit difference as text, `tied` where there is none.
const leadText = (difference: number) => (Math.abs(difference) <= TIE ? PHRASES.tied : logitsText(difference))

// A number of logits as text; nothing where there is none.
const logitsText = (value: number) => (Number.isNaN(value) ? '' : withSign(value, DECIMALS))
