// An assignment as a page is handed out with it: everything that a student may see, and no key (src/headlab/homework/assignment/).

import { NOTEBOOK, seedOf } from '../config/experiment'
import { constants } from '../kernel/layout'
import type { Fields, Value } from '../protocol'
import { read, valueOf } from '../state/address'
import { sha256 } from './sha256'
import type { Quantity } from './table'

export const ASSIGNMENT = 'headlab-assignment' // the id of the element that holds it
const FORMAT = 1

export type Kind = 'choose' | 'number' | 'claim' | 'runs' | 'find' | 'sentence' | 'picture'

export interface Question {
  id: string
  kind: Kind
  ask: string
  max: number // points
  quantity?: Quantity // what it is measured by
  run?: string | null // the question whose run it is about; none: one of its own
  from?: string | null // the question whose collected runs it is about
  runs?: { setting: string; values: Value[]; each: number }
  find?: { setting: string; best: 'lowest' | 'highest'; goal: string }
  needs?: string | null // the grade of the run whose picture it is
  least?: number // characters
  most?: number
  tolerance?: number | null
}

// Of those that are handed out: the seeds of each, where they differ, and which of the corpora each one has.
interface Variants {
  number: number
  seeds: [first: number, last: number][] | null
  corpora: string[] | null
  corpus: number[] | null
}

export interface Assignment {
  format: number
  name: string
  title: string
  about: string
  numerics: number
  version: string
  hash: string
  start: string // the fragment of the settings that it begins with
  fixed: string[]
  ranges: Record<string, [low: number, high: number]>
  hide: string[]
  variants: Variants | null
  questions: Question[]
}

// Of a student: which of the variants it is, what it begins with, and between which seeds one may choose.
export interface Variant {
  number: number | null
  start: Fields
  seeds: readonly [first: number, last: number] | null
}

// The assignment that a page was made with; a sentence where there is none that it can give.
export function assignmentIn(within: ParentNode): Assignment | string {
  const text = within.querySelector(`#${ASSIGNMENT}`)?.textContent
  if (!text) return 'No assignment is in this page: it is made by `headlab homework build`.'
  const found = JSON.parse(text) as Assignment
  if (found.format !== FORMAT) return 'This assignment is written for another version of headlab: ask for a page that was built again.'
  if (found.numerics !== constants.HL_NUMERICS)
    return `This assignment is of numerics ${found.numerics}, and this page trains others: ask for one that was built for it.`
  return found
}

export const ID = /^[A-Za-z0-9._@+-]{1,64}$/
export const ID_SAID = 'An id has up to 64 letters, digits and . _ @ + -, and no spaces.'

// What a student with this id does; without one, what everybody begins with.
export function variantOf(assignment: Assignment, id: string): Variant {
  const { variants, hash } = assignment
  const start = startOf(assignment)
  if (!variants || !ID.test(id)) return { number: null, start, seeds: null }
  const digest = sha256(new TextEncoder().encode(`${id.toLowerCase()}\n${hash}`))
  const number = Number(new DataView(digest.buffer).getBigUint64(0) % BigInt(variants.number))
  const [seeds, { corpora, corpus }] = [variants.seeds?.[number] ?? null, variants]
  if (corpora && corpus) Object.assign(start, { task: '', text: corpora[corpus[number]] })
  if (seeds) start.seed = seeds[0]
  return { number, start, seeds }
}

const startOf = ({ start }: Assignment): Fields => read(start, NOTEBOOK).fields

export function within(seed: Value, [first, last]: readonly [number, number]): boolean {
  const number = seedOf(seed)
  return number !== null && number >= BigInt(first) && number <= BigInt(last)
}

// A run as the settings by which it differs from what was begun with, and its seed (runs/link.py reads it over them).
export function addressOf(fields: Fields, start: Fields): string {
  const parts = new URLSearchParams({ seed: String(fields.seed) })
  for (const [name, value] of Object.entries(fields)) {
    if (name !== 'seed' && value !== start[name]) parts.set(name, value === null ? '' : String(value))
  }
  return parts.toString()
}

export function fieldsOf(address: string, start: Fields): Fields {
  const found = { ...start }
  for (const [name, text] of new URLSearchParams(address)) if (Object.hasOwn(start, name)) found[name] = valueOf(name, text, NOTEBOOK)
  return found
}
