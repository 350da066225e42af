// What is right of a run, measured on it: src/headlab/homework/assignment/measure.py measures the same.

import { type Choice, choiceAt } from '../analysis/choice'
import { TIE } from '../analysis/looking/predictions'
import { circuits } from '../analysis/looking/circuits'
import { headName, Word } from '../analysis/part'
import { coding } from '../analysis/parts/coding'
import { contributions } from '../analysis/parts/contributions'
import { classify, mechanismOfRun, MIXED, PATTERN, toldApart, VALUE } from '../analysis/parts/mechanism'
import type { Subject } from '../analysis/subject'
import { ablate } from '../analysis/trials/ablation'
import { KINDS } from '../analysis/trials/ways'
import { Problems } from '../errors'
import { fixed } from '../notation/numbers'
import { DEFAULTS, type Measured, NOTHING, QUANTITIES, type Quantity } from './table'

export interface Ended {
  subject: Subject
  finalLoss: number
}

type Asked = Quantity & { sentence: number; word: string | number; head: number }
type Right = string | number

const OF_ALL = ['grade', 'mechanism'] // which also a run has that diverged
const CODED: Record<string, string> = { [PATTERN]: 'pattern', [VALUE]: 'value', [MIXED]: 'both' }

// Of one run, every default filled in; nothing where it has not what is asked about.
export function measure(quantity: Quantity, run: Ended): Measured {
  const asked = { ...DEFAULTS, ...quantity } as Asked
  if (!run.subject.finite && !OF_ALL.includes(quantity.name)) return NOTHING
  try {
    const values = VALUES[quantity.name](asked, run)
    const known = values.length > 0 && values.every((value) => (typeof value === 'string' ? value !== '' : Number.isFinite(value)))
    return known ? { values, shown: values.map((value) => shown(asked, value, run.subject)).join(' or ') } : NOTHING
  } catch (error) {
    if (error instanceof Problems) return NOTHING
    throw error
  }
}

function shown(asked: Asked, value: Right, { corpus }: Subject): string {
  const { answer, digits = 0, options } = QUANTITIES[asked.name]
  switch (answer) {
    case 'number':
      return fixed(Number(value), digits)
    case 'position':
      return Word.of(corpus.sentences[asked.sentence - 1], Number(value)).toString()
    case 'token':
      return new Word(String(value)).toString()
    case 'head': {
      const [layer, head] = String(value).split('.').map(Number)
      return headName(layer, head)
    }
    case 'option':
      return options?.[value] ?? String(value)
  }
}

const VALUES: Record<string, (asked: Asked, run: Ended) => Right[]> = {
  loss: (_, { finalLoss }) => [finalLoss],
  grade: (_, { subject }) => [subject.grade],
  mechanism: (_, { subject }) => [mechanismOfRun(subject)],
  predicted(asked, { subject }) {
    const { sequence, position } = placeOf(subject, asked)
    return most(subject.clean.logits(sequence, position)).map((token) => subject.corpus.vocabulary[token])
  },
  probability(asked, { subject }) {
    const { sequence, position } = placeOf(subject, asked)
    const { targets, vocabulary } = subject.corpus
    const token = asked.of == null ? targets[sequence][position] : vocabulary.indexOf(asked.of)
    return token < 0 ? [] : [subject.probabilitiesAt(sequence, position)[token]]
  },
  weight(asked, { subject }) {
    const { sequence } = placeOf(subject, asked)
    return [rowOf(subject, asked)[subject.position(sequence, asked.on)]]
  },
  looks_most: (asked, { subject }) => most(rowOf(subject, asked)),
  gives_most(asked, { subject }) {
    const { place, target, rivals } = choiceOf(subject, asked)
    const heads = contributions(subject, place, target, rivals).byLastHead
    return most(Float64Array.from(heads, ({ gives }) => gives)).map((nth) => heads[nth].head.join('.'))
  },
  copies_most(asked, { subject }) {
    const layer = asked.layer ?? subject.model.n_layers - 1
    if (layer >= subject.model.n_layers) return []
    const heads = Array.from({ length: subject.model.n_heads }, (_, head) => raises(circuits(subject, layer, head).writes.token.values))
    return most(Float64Array.from(heads)).map((head) => `${layer}.${head}`)
  },
  coding(asked, { subject }) {
    const { sequence, position } = placeOf(subject, asked)
    if (!subject.dependencies.some((item) => item.sequence === sequence && item.position === position)) return []
    const choice = choiceOf(subject, asked)
    const judged = { toldApart: toldApart(subject, choice), hair: false, tokenAlone: false, split: coding(subject, choice) }
    return [CODED[classify(judged)] ?? 'neither']
  },
  flips(asked, { subject }) {
    const effects = ablate(subject, choiceOf(subject, asked), [asked.part!])
    const kind = (KINDS as readonly string[]).indexOf(asked.ablation!)
    if (!Number.isFinite(effects.after[0][kind].difference)) return []
    return [effects.flips[0][kind] ? 'yes' : 'no']
  },
}

function placeOf(subject: Subject, { sentence, word }: Asked): { sequence: number; position: number } {
  const sequence = subject.sequence(sentence - 1)
  return { sequence, position: subject.position(sequence, word) }
}

const choiceOf = (subject: Subject, asked: Asked): Choice => choiceAt(subject, placeOf(subject, asked))

// The attention weights from the place that is asked about, on the positions of its sentence.
function rowOf(subject: Subject, asked: Asked): Float64Array {
  const { sequence, position } = placeOf(subject, asked)
  const { model, corpus, clean } = subject
  const layer = asked.layer ?? model.n_layers - 1
  if (layer >= model.n_layers || asked.head >= model.n_heads) return new Float64Array()
  return clean.pattern(layer, asked.head, sequence, position).subarray(0, corpus.sentences[sequence].length)
}

// How much more a head writes of the token that it reads than of the others, on the mean over all.
function raises(writes: readonly (readonly number[])[]): number {
  const n = writes.length
  const own = writes.reduce((sum, row, at) => sum + row[at], 0)
  const all = writes.reduce((sum, row) => sum + row.reduce((one, other) => one + other, 0), 0)
  return own / n - (all - own) / Math.max(1, n * (n - 1))
}

// Which numbers share the first place; none where one is none.
function most(numbers: Float64Array): number[] {
  const first = Math.max(...numbers) - TIE
  return [...numbers.keys()].filter((at) => numbers[at] >= first)
}
