// A sentence is a list of clauses: what is said, as data, and its text, made last from the table of words.

import { SPACES } from '../../data/letters'
import { fixed, grouped, percent, rounded, withSign } from '../../notation/numbers'
import { headName, type Part, Word } from '../part'
import type { Told } from '../parts/eye'
import { filled, LIMITS, PHRASES, TABLE } from '../words'

const { logits: LOGITS, lead: LEAD, loss: LOSS, boundary: BOUNDARY } = TABLE.rounding

// A part of the model as a sentence names it; word: of a source, what stands there.
export class Named {
  constructor(
    readonly part: Part,
    readonly word: Word | null = null,
  ) {}

  toString(): string {
    if (this.word !== null) return String(this.word)
    return (TABLE.parts as Partial<Record<string, string>>)[this.part.kind] ?? headName(this.part.layer, this.part.head)
  }
}

// What is predicted, and by which ablations.
export interface Outcome {
  tokens: readonly Word[]
  ablations: readonly string[]
}

export interface Heads {
  heads: number
  of: number
  last_layer: boolean
}

// One thing that is said: a kind, which the table has with its text and its measure, and what it is said of: numbers as they were
// measured, not rounded; words; parts; null leaves a part in [] out.
export class Clause {
  constructor(
    readonly kind: keyof typeof TABLE.clauses,
    readonly of: Readonly<Record<string, unknown>>,
  ) {}

  get text(): string {
    let text = ''
    for (const { piece, names, optional } of formOf(this.kind).pieces) {
      if (optional && names.some((name) => this.of[name] === null)) continue
      text += piece.replace(ARGUMENT, (_, name: string, form: string) => SHOWN[form](this.of[name] as never))
    }
    return text
  }

  // What stands between it and the clause before it.
  get joint(): string {
    return formOf(this.kind).joint
  }

  toDict() {
    const told = Object.entries(this.of).map(([name, value]) => [name, plainOf(value)] as const)
    return { kind: this.kind, arguments: Object.fromEntries(told), text: this.text }
  }
}

// Clauses as one sentence of at most 40 words: the last ones are left out where there would be more.
export const sentenceOf = (clauses: Iterable<Clause>): string => first(clauses).text

// The clauses that such a sentence leaves out, as another sentence; nothing where it has them all.
export const moreOf = (clauses: readonly Clause[]): string => whole(clauses.slice(first(clauses).fit))

// How many of the clauses make a sentence, at least one.
function first(clauses: Iterable<Clause>): { fit: number; text: string } {
  let [fit, words] = [1, 0]
  const told: Clause[] = []
  for (const clause of clauses) {
    const form = formOf(clause.kind)
    words += wordsIn(clause.text) + (told.length ? form.words : 0)
    told.push(clause)
    if (told.length > 1 && words > LIMITS.words) break
    if (!form.goesOn) fit = told.length
  }
  return { fit, text: whole(told.slice(0, fit)) }
}

const wordsIn = (text: string) => text.split(SPACES).filter(Boolean).length

function whole(told: readonly Clause[]): string {
  const text = told.map(({ joint, text }, number) => (number ? joint : '') + text).join('')
  return text && `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

// What is left of a total, so that the digits that are shown add up; null where they do without it.
export function restOf(total: number, parts: readonly number[]): number | null {
  const rest = rounded(round(total, LOGITS.decimals) - sumOf(parts.map((part) => round(part, LOGITS.decimals))), LOGITS.decimals)
  return rest === 0 ? null : rest
}

// Words as a list, of many the first ones and how many others there are.
export function listed(words: readonly unknown[], last = PHRASES.and): string {
  let shown = words.map(String)
  if (shown.length === 1) return shown[0]
  if (shown.length > LIMITS.named) {
    const others = filled(PHRASES.others, { number: shown.length - LIMITS.named + 1 })
    shown = [...shown.slice(0, LIMITS.named - 1), others]
  }
  return shown.length ? [shown.slice(0, -1).join(', '), shown[shown.length - 1]].join(` ${last} `) : ''
}

const either = (words: readonly unknown[]) => listed(words, PHRASES.or)
const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

// What lies on a boundary to 1e-9 is rounded alike, whichever side of it the last bits are.
const round = (value: number, decimals: number) => rounded(rounded(value, BOUNDARY.decimals), decimals)

const logits = (value: number) => withSign(rounded(value, BOUNDARY.decimals), LOGITS.decimals)

function lead(value: number): string {
  const shown = round(value, LEAD.decimals)
  return shown ? fixed(shown, LEAD.decimals) + LEAD.unit : LEAD.below
}

// Who looks: of several heads of the last layer, how many.
function who({ heads, of, last_layer }: Heads): string {
  if (of === 1) return last_layer ? PHRASES.layer_looks : PHRASES.it_looks
  const [one, some] = last_layer ? [PHRASES.last_head_looks, PHRASES.last_heads_look] : [PHRASES.head_looks, PHRASES.heads_look]
  return filled(heads === 1 ? one : some, { heads, of })
}

// What each part gives, of many parts what they give together.
function given(parts: readonly (readonly [Named, number])[]): string {
  if (parts.length < LIMITS.named) {
    const give = (number: number) => (number ? PHRASES.and_gives : PHRASES.gives)
    return listed(parts.map(([part, value], number) => filled(give(number), { part, logits: logits(value) })))
  }
  const together = sumOf(parts.map(([, value]) => round(value, LOGITS.decimals)))
  return filled(PHRASES.together, { parts: listed(parts.map(([part]) => part)), logits: logits(together) })
}

const by = (what: unknown, ablations: readonly string[]) => filled(PHRASES.by, { what, ablations: ablations.join(', ') })

// What draws the eye of what; where no key does, what turns it.
function draws({ keys, queries }: Told): string {
  const [of, named] = [queries.map((query) => query.name), keys.flatMap((key) => (key ? [key.name] : []))]
  if (!named.length) return filled(of.length === 1 ? PHRASES.turns : PHRASES.turn, { queries: listed(of) })
  const [one, some] = queries.some(({ kind }) => kind === 'everything')
    ? [PHRASES.draws, PHRASES.draw]
    : [PHRASES.draws_of, PHRASES.draw_of]
  return filled(named.length === 1 ? one : some, { keys: listed(named), queries: listed(of) })
}

// How many minimal sets there are, by ablation.
function sets(counts: Record<string, number>): string {
  const told = Object.entries(counts).map(([ablation, count], number) => {
    const form = number ? PHRASES.and_sets : count === 1 ? PHRASES.set : PHRASES.sets
    return filled(form, { count: grouped(count), by: `(${ablation})` })
  })
  return told.join(', ')
}

// What a type of argument looks like as text.
const SHOWN: Record<string, (value: never) => string> = {
  word: String,
  part: String,
  words: (words: readonly Word[]) => listed(words),
  either,
  share: (value: number) => percent(rounded(value, BOUNDARY.decimals)),
  logits,
  lead,
  loss: (value: number) => fixed(value, LOSS.decimals),
  who,
  given,
  outcomes: (outcomes: readonly Outcome[]) => outcomes.map(({ tokens, ablations }) => by(either(tokens), ablations)).join(', '),
  heads: (heads: readonly (readonly [Named, readonly string[]])[]) => heads.map(([head, ablations]) => by(head, ablations)).join(', '),
  drawn: (told: readonly Told[]) => listed(told.map(draws)),
  where: (word: Word | null) => (word === null ? PHRASES.elsewhere : filled(PHRASES.where, { word })),
  sets,
  count: grouped,
}
const ARGUMENT = /\{(\w+):(\w+)\}/g
const OPTIONAL = /\[([^\]]*)\]/

// How a kind of clause is said.
interface Form {
  pieces: { piece: string; names: string[]; optional: boolean }[] // what is said, and whether it is left out where an argument is null
  joint: string
  words: number // in the joint
  goesOn: boolean // it says nothing without the clause after it
}

const forms = new Map<string, Form>()

function formOf(kind: keyof typeof TABLE.clauses): Form {
  const known = forms.get(kind)
  if (known) return known
  const row: { text: string; joint?: string; goes_on?: boolean } = TABLE.clauses[kind]
  const joint = row.joint ?? '; '
  const pieces = row.text.split(OPTIONAL).flatMap((piece, number) => {
    const names = [...piece.matchAll(ARGUMENT)].map(([, name]) => name)
    return piece ? [{ piece, names, optional: number % 2 === 1 }] : []
  })
  const form = { pieces, joint, words: wordsIn(joint.replace(/[,;:]/g, '')), goesOn: row.goes_on ?? false }
  forms.set(kind, form)
  return form
}

// A value as plain data, what is named with its text.
function plainOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainOf)
  return value instanceof Word || value instanceof Named ? { ...bare(value), text: String(value) } : bare(value)
}

// A value as plain data.
export function bare<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(bare) as Value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, bare<unknown>(item)])) as Value
}
