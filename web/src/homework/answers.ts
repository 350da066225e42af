// What a student has answered, and the file that is handed in: functions of data, so that Node makes the same file as the page.

import type { Assignment, Question, Variant } from './assignment'

export const MOST_BYTES = 8192 // of a file
const KIND = 'answer'
const FORMAT = 1
const HALVES = /\p{Surrogate}/gu // of characters, which no file can hold

// An answer: runs by their address, relative to what the student's variant begins with.
export interface Given {
  run?: string
  runs?: string[]
  value?: string | number
  text?: string
  view?: string // of a picture: how one looked at it
}

export interface Work {
  id: string
  answers: Record<string, Given>
}

export const NOTHING: Work = { id: '', answers: {} }

type Written = Omit<Given, 'run' | 'runs'> & { run?: number; runs?: number[] }

export interface Kept {
  id: string
  runs: string[]
  answers: Record<string, Written>
}

// Whether a student chooses a run for a question, and for it alone.
export const hasRun = ({ kind, run, from }: Question): boolean => !run && !from && kind !== 'runs' && kind !== 'sentence'

// The question whose run one is about; nothing where it is about none.
export function runOf({ questions }: Assignment, question: Question): Question | undefined {
  if (hasRun(question)) return question
  return question.run ? questions.find(({ id }) => id === question.run) : undefined
}

export const sourceOf = ({ questions }: Assignment, question: Question): Question | undefined =>
  question.kind === 'runs' ? question : questions.find(({ id }) => id === question.from)

// Every run that an answer is about, once, in the order of the questions.
export function runsIn({ questions }: Assignment, { answers }: Work): string[] {
  return [...new Set(questions.flatMap(({ id }) => [answers[id]?.run ?? [], answers[id]?.runs ?? []].flat()))]
}

// What is kept of it: runs by their number among all.
export function keptOf(assignment: Assignment, work: Work): Kept {
  const runs = runsIn(assignment, work)
  const at = (address: string) => runs.indexOf(address)
  const answers: Kept['answers'] = {}
  for (const { id } of assignment.questions) {
    const { run, runs: some, value, text, view } = work.answers[id] ?? {}
    const written: Written = {
      ...(run !== undefined && { run: at(run) }),
      ...(some?.length && { runs: some.map(at) }),
      ...(value !== undefined && value !== '' && { value }),
      ...(text?.trim() && { text: text.trim().replace(HALVES, '\uFFFD') }),
      ...(view !== undefined && { view }),
    }
    if (Object.keys(written).length) answers[id] = written
  }
  return { id: work.id, runs, answers }
}

// The same again; what makes no sense of it is left out.
export function workOf({ questions }: Assignment, kept: unknown): Work {
  const { id, runs, answers } = (kept ?? {}) as Partial<Record<keyof Kept, unknown>>
  const found: Work = { id: typeof id === 'string' ? id : '', answers: {} }
  const every: unknown[] = Array.isArray(runs) ? runs.map((run: unknown) => (Array.isArray(run) ? run[0] : run) as unknown) : []
  const addressOf = (number: unknown) => (typeof number === 'number' ? every[number] : undefined)
  const isText = (value: unknown): value is string => typeof value === 'string'
  for (const question of questions) {
    const given = inside(answers, question.id)
    if (!given) continue
    const [run, some] = [addressOf(given.run), Array.isArray(given.runs) ? given.runs.map(addressOf).filter(isText) : undefined]
    found.answers[question.id] = {
      ...(isText(run) && { run }),
      ...(some && { runs: some }),
      ...((isText(given.value) || typeof given.value === 'number') && { value: given.value }),
      ...(isText(given.text) && { text: given.text }),
      ...(isText(given.view) && { view: given.view }),
    }
  }
  return found
}

function inside(answers: unknown, id: string): Partial<Record<keyof Written, unknown>> | null {
  if (typeof answers !== 'object' || answers === null || !Object.hasOwn(answers, id)) return null
  const found = (answers as Record<string, unknown>)[id]
  return typeof found === 'object' ? found : null
}

// What is handed in, a run and an answer a line; hashOf: the hash of the weights of a run's address.
export function fileOf(assignment: Assignment, { number }: Variant, work: Work, hashOf: (address: string) => string | undefined): string {
  const { id, runs, answers } = keptOf(assignment, work)
  const { hash, name, version, numerics } = assignment
  const lines = [
    ...Object.entries({ headlab: KIND, format: FORMAT, assignment: hash, name, version, numerics, id, variant: number }).map(
      ([key, value]) => `"${key}": ${JSON.stringify(value)}`,
    ),
    `"runs": [${among(runs.map((address) => JSON.stringify([address, hashOf(address) ?? ''])))}]`,
    `"answers": {${among(Object.entries(answers).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`))}}`,
  ]
  return `{\n${lines.join(',\n')}\n}\n`
}

const among = (lines: string[]) => (lines.length ? `\n  ${lines.join(',\n  ')}\n` : '')

export const bytesOf = (text: string) => new TextEncoder().encode(text).length

export const nameOfFile = ({ name }: Assignment, { id }: Work) => `${name}-${id || 'draft'}.txt`

// A file that was saved before, to go on with; a sentence where it is none of this assignment.
export function workIn(assignment: Assignment, text: string): Work | string {
  const given = parsed(text) as Partial<Record<string, unknown>> | null
  if (given?.headlab !== KIND) return 'This is no draft: open a file that this page saved.'
  if (given.assignment !== assignment.hash) return 'This draft is of another assignment, or of another edition of it.'
  return workOf(assignment, given)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

// In an address, beside the lab's own settings.
const IN_ADDRESS = 'answers'

export function inAddress(assignment: Assignment, work: Work): string {
  const { id, runs, answers } = keptOf(assignment, work)
  if (!id && !Object.keys(answers).length) return ''
  return new URLSearchParams({ [IN_ADDRESS]: JSON.stringify({ id, runs, answers }) }).toString()
}

export function fromAddress(assignment: Assignment, hash: string): Work | null {
  const text = new URLSearchParams(hash.replace(/^#/, '')).get(IN_ADDRESS)
  return text === null ? null : workOf(assignment, parsed(text))
}
