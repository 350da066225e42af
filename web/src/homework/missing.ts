// What of an answer is missing, a sentence each; and for how many points answers agree with their runs.

import { HAIR, SOLVED } from '../analysis/looking/predictions'
import { quantity } from '../notation/numbers'
import type { Fields, Value } from '../protocol'
import { hasRun, runOf, type Work } from './answers'
import { type Assignment, fieldsOf, ID, type Question, type Variant } from './assignment'
import { holds, type Measured, numberIn } from './table'

// What is known of a run that was trained.
export interface Facts {
  hash: string
  finished: boolean
  loss: number | null // null: beyond all numbers
  grade: string
  mechanism: string
  predictions: { sequence: number; position: number; word: string; tokens: string[] }[] // where an earlier word decides
  measured: Record<string, Measured> // by question
  heads: number // of a layer
  vocabulary: string[]
  sentences: Table[] // the first ones
}

// Where a sentence's words look, and what is predicted after each.
export interface Table {
  words: string[]
  patterns: number[][][] // [layer · heads + head][query][key]
  probabilities: number[][] // [position][token]
}

export interface Lacking {
  question: string // its id; '': the file as a whole
  text: string
}

export interface Looked {
  assignment: Assignment
  variant: Variant
  work: Work
  facts: ReadonlyMap<string, Facts> // by address
}

export const reaches = (grade: string, goal: string) => grade === SOLVED || (goal === HAIR && grade === HAIR)

// The runs of a question at each of its values, one a seed.
export function collectedAt({ runs: asked }: Question, addresses: readonly string[], start: Fields): Map<Value, string[]> {
  const found = new Map<Value, string[]>(asked!.values.map((value) => [value, []]))
  const seeds = new Set<string>()
  for (const address of addresses) {
    const fields = fieldsOf(address, start)
    const value = fields[asked!.setting]
    const seed = `${String(value)} ${String(fields.seed)}`
    if (!seeds.has(seed)) found.get(value)?.push(address)
    seeds.add(seed)
  }
  return found
}

export function lacking(looked: Looked): Lacking[] {
  const { assignment, work } = looked
  const whole = ID.test(work.id) ? [] : [{ question: '', text: 'your id' }]
  return [...whole, ...assignment.questions.flatMap((question) => ofOne(looked, question).map((text) => ({ question: question.id, text })))]
}

function ofOne(looked: Looked, question: Question): string[] {
  const { assignment, variant, work, facts } = looked
  const given = work.answers[question.id] ?? {}
  const run = runOf(assignment, question)
  const address = run && work.answers[run.id]?.run
  const noRun =
    run && address === undefined ? (hasRun(question) ? ['a run'] : [`the run of question ${assignment.questions.indexOf(run) + 1}`]) : []
  switch (question.kind) {
    case 'choose':
    case 'claim':
      return [...noRun, ...(given.value === undefined ? ['a choice'] : [])]
    case 'number': {
      const said = String(given.value ?? '').trim()
      const none = said === '' ? ['a number'] : Number.isFinite(numberIn(said)) ? [] : [`a number in place of “${said}”`]
      return [...noRun, ...none]
    }
    case 'runs':
      return [...collectedAt(question, given.runs ?? [], variant.start)].flatMap(([value, some]) => {
        const more = question.runs!.each - some.length
        return more > 0 ? [`${quantity(more, 'run')} at ${question.runs!.setting} ${String(value)}`] : []
      })
    case 'find':
    case 'picture': {
      const goal = question.kind === 'find' ? question.find!.goal : question.needs
      const grade = address !== undefined && facts.get(address)?.grade
      return [...noRun, ...(grade && goal && !reaches(grade, goal) ? [`a run that is ${goal}`] : [])]
    }
    case 'sentence': {
      const letters = Array.from((given.text ?? '').trim()).length
      const [least, most] = [question.least ?? 1, question.most ?? Infinity]
      if (letters === 0) return ['a sentence']
      if (letters < least) return [quantity(least - letters, 'more character')]
      return letters > most ? [`${quantity(letters - most, 'character')} less`] : []
    }
  }
}

// Points of a question whose answer agrees with its run, as far as a page can tell; measured: what collected runs give
export function agreeing(looked: Looked, question: Question, measured: Measured | undefined): number {
  const { assignment, variant, work, facts } = looked
  const given = work.answers[question.id] ?? {}
  const run = runOf(assignment, question)
  const known = run && facts.get(work.answers[run.id]?.run ?? '')
  const found = known?.measured[question.id] ?? measured
  switch (question.kind) {
    case 'choose':
    case 'claim':
    case 'number':
      return found && holds(found, question.quantity!, given.value, question.tolerance ?? 0) ? question.max : 0
    case 'runs': {
      const { each } = question.runs!
      const counts = [...collectedAt(question, given.runs ?? [], variant.start).values()].map((some) => Math.min(each, some.length))
      return (question.max * counts.reduce((sum, count) => sum + count, 0)) / (each * counts.length)
    }
    case 'find':
      return known && reaches(known.grade, question.find!.goal) ? question.max : 0
    case 'picture':
      return known && reaches(known.grade, question.needs ?? known.grade) ? question.max : 0
    case 'sentence':
      return 0
  }
}
