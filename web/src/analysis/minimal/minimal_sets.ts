// How many explanations there are: the minimal sets of every dependency of a run, in numbers and in words.

import type { Dependency } from '../../data/dependencies'
import { quantity } from '../../notation/numbers'
import { type Choice, choiceOf, type Place } from '../choice'
import { headName, labelOf, type Part } from '../part'
import type { Subject } from '../subject'
import { spelling } from '../trials/spelling'
import { filled, TABLE } from '../words'
import { ABLATIONS, type Ablation, solve, type Sufficient } from './solve'

const SAID = TABLE.sets

export interface SetsRow {
  sequence: number
  position: number
  target: string
  ablation: Ablation
  parts: string[] // as they are spelled
  left: number
  monotone: boolean | null // null without a set
  sets: string[][]
  in_words: string[]
}

export interface Solved {
  place: Place
  target: number
  sets: Record<Ablation, Sufficient | null>
}

// All minimal sets of parts that suffice for the right prediction, of every dependency and ablation of a run.
export class MinimalSets {
  constructor(
    readonly subject: Subject,
    readonly found: readonly Solved[],
  ) {}

  // By ablation that is possible how many minimal sets there are, of how many parts, and how many were left.
  sizes(dependency: number): Partial<Record<Ablation, [sets: number, parts: number, left: number]>> {
    const every = Object.entries(this.found[dependency].sets).filter((row): row is [Ablation, Sufficient] => row[1] !== null)
    return Object.fromEntries(every.map(([kind, { sets, parts, left }]) => [kind, [sets.length, parts.length, left]]))
  }

  // Plain values, a row a dependency and ablation that is possible.
  toList(): SetsRow[] {
    const { corpus } = this.subject
    return this.found.flatMap(({ place, target, sets }) =>
      ABLATIONS.flatMap((ablation) => {
        const item = sets[ablation]
        if (!item) return []
        const [spelled, words] = [item.parts.map(spelling), item.parts.map((part) => partWords(part, place, this.subject))]
        return {
          ...{ ...place, target: corpus.vocabulary[target], ablation, parts: spelled, left: item.left },
          monotone: item.sets.length ? item.monotone : null,
          sets: item.sets.map((one) => one.map((number) => spelled[number])),
          in_words: item.sets.map((one) => one.map((number) => words[number]).join(' + ') || SAID.nothing),
        }
      }),
    )
  }
}

// Find the minimal sets of a run at some dependencies, or for choices that are given. Yields the share of the work that is done.
export function* minimalSets(subject: Subject, asked: readonly (Dependency | Choice)[]): Generator<number, MinimalSets> {
  const found: Solved[] = []
  for (const item of asked) {
    const choice = choiceOf(subject, item)
    const work = solve(subject, choice)
    let step = work.next()
    for (; !step.done; step = work.next()) yield (found.length + step.value) / asked.length
    found.push({ place: choice.place, target: choice.target, sets: step.value })
    yield found.length / asked.length
  }
  return new MinimalSets(subject, found)
}

// Where, and by which ablation.
export const calledOf = ({ sequence, position, target, ablation }: SetsRow): string =>
  filled(SAID.where, { sentence: sequence + 1, position, target, ablation })

// How many sets there are, or that there are none; and how many parts were not tried, where they were too many.
export function saidOf({ sets, left }: SetsRow): string[] {
  const several = sets.length === 1 ? SAID.one : filled(SAID.several, { sets: sets.length })
  const beyond = left ? [filled(SAID.left, { parts: quantity(left, 'part') })] : []
  return [sets.length ? several : SAID.none, ...beyond]
}

// What it means that a set suffices.
export const MEANING = `${SAID.meaning} ${ABLATIONS.map((kind) => `${kind}: ${TABLE.ablations[kind]}`).join('; ')}.`

// A part in words: an edge by what is read, and by what reads it where the model has several heads.
function partWords(part: Part, place: Place, { corpus, model }: Subject): string {
  if (part.kind !== 'edge') return labelOf(part, corpus, place.sequence)
  const at = corpus.positionWords(place.sequence)
  const key = part.query === place.position ? at[part.position!] : `${at[part.query!]} → ${at[part.position!]}`
  return model.n_layers * model.n_heads === 1 ? key : `${key} by ${headName(part.layer, part.head)}`
}
