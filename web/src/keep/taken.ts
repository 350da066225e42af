// What is on the screen, as what is saved is made of it.

import type { Carried } from '../carried'
import { constants } from '../kernel/layout'
import { fixed } from '../notation/numbers'
import type { Fields, Frame, Picture, Seeds, Sizes, Why } from '../protocol'
import type { Shown } from './csv'
import { aboutRun } from './figure'
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
  seed: BigInt(picture.values.seed),
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
  const { fields, picture, why, seeds, sizes, shown } = taken
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
      tables: tablesOf(shown),
    },
  }
}

// The homework's two tables of every sentence, in three decimals.
function tablesOf({ sentences, output, vocabulary }: Shown): ReadTable[] {
  const table = (caption: string, columns: readonly string[], words: readonly string[], values: readonly (readonly number[])[]) => ({
    ...{ caption, columns },
    rows: values.map((row, at): [string, string[]] => [`${at} ${words[at]}`, row.map((value) => fixed(value, 3))]),
  })
  return sentences.flatMap(({ words, pattern, predictions }, nth) => [
    table(`Sentence ${nth + 1}: attention weights`, words, words, pattern),
    table(`Sentence ${nth + 1}: ${output}`, vocabulary, words, predictions),
  ])
}
