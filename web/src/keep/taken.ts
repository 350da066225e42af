// What is on the screen, as what is saved is made of it.

import type { Carried } from '../carried'
import { numbersAt, rows } from '../frames'
import { constants } from '../kernel/layout'
import { softmax } from '../maths'
import { sigmoid } from '../model/outputs'
import { fixed } from '../notation/numbers'
import type { Fields, Frame, Picture, Seeds, Sizes, Why } from '../protocol'
import type { Shown } from './csv'
import { aboutRun, WORDS } from './figure'
import type { ReadTable, Report } from './report'

export interface Taken {
  fields: Fields // that train the run again
  picture: Picture
  why: Why | null
  seeds: Seeds | null
  sizes: Sizes | null
  shown: Shown
  loss: number // at the moment that is shown
  atEnd: boolean
}

// What is named after the run.
export const namedBy = ({ fields, picture }: Taken) => ({
  task: String(fields.task ?? ''),
  seed: picture.values.seed ?? 'given',
  model: { d_head: picture.values.d_head },
})

export function aboutTaken({ fields, picture, shown, loss, atEnd }: Taken): string[] {
  const { values } = picture
  const sentences = values.corpus.tokens.map((row) => row.map((token) => values.corpus.vocabulary[token]))
  const starts = sentences.every(([first]) => first === (fields.start || '<Start>'))
  return aboutRun({
    corpus: { sentences, start: starts ? sentences[0][0] : null },
    model: values,
    seed: values.seed,
    step: shown.step,
    loss: atEnd ? values.final_loss : loss,
    outcome: values.outcome,
  })
}

export function reportOf(taken: Taken): { carried: Carried; report: Report } {
  const { fields, picture, why, seeds, sizes } = taken
  const about = aboutTaken(taken)
  const frames = [picture, why, seeds, sizes].filter((frame): frame is NonNullable<typeof frame> => frame !== null) as Frame[]
  const explained = why && why.values.none === undefined ? why.values.dependencies : []
  return {
    carried: { numerics: constants.HL_NUMERICS, fields, frames: frames.map((frame) => ({ ...frame, id: 0 })) },
    report: {
      title: `headlab: ${about[1]}`,
      lines: [
        ...about,
        ...explained.map(({ sentence }) => sentence),
        ...(sizes ? [sizes.values.question, sizes.values.answer, ...sizes.values.sentences] : []),
      ],
      tables: tablesOf(taken),
    },
  }
}

// The homework's tables of every sentence, in three decimals: where the head looks, the sigmoid that the notebook prints, and
// probabilities.
function tablesOf({ picture, shown }: Taken): ReadTable[] {
  const { sentences, step, vocabulary } = shown
  const { moments, logits } = picture.arrays
  const moment = moments.data.indexOf(step)
  return sentences.flatMap(({ words, pattern }, nth) => {
    const table = (caption: string, columns: readonly string[], values: readonly (readonly number[])[]): ReadTable => ({
      caption: `Sentence ${nth + 1}: ${caption}`,
      columns,
      rows: values.map((row, at) => [`${at} ${words[at]}`, row.map((value) => fixed(value, 3))]),
    })
    const each = rows(numbersAt(logits, moment, nth)).slice(0, words.length)
    return [
      table(WORDS.pattern, words, pattern),
      table(
        WORDS.sigmoid,
        vocabulary,
        each.map((row) => row.map(sigmoid)),
      ),
      table(
        WORDS.probs,
        vocabulary,
        each.map((row) => softmax(row)),
      ),
    ]
  })
}
