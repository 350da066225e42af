// What draws the eye: which feature of a key, for which feature of the query, makes attention differ between two places.
// src/headlab/analysis/parts/eye.py says what is measured, and what is named.

import { alignments } from '../../data/alignment'
import { type Feature, featuresOf, type Head } from '../../model/paths'
import { rounded } from '../../notation/numbers'
import { inCodePoints } from '../../notation/values'
import type { Choice } from '../choice'
import { TIE } from '../looking/predictions'
import { headName, Word } from '../part'
import type { Subject } from '../subject'
import { filled, PHRASES, THRESHOLDS } from '../words'
import { AlignedRows } from './aligned_rows'
import { least } from './coding'
import { EVERY, type Find, type Named, search } from './eye_search'

const KINDS = ['token', 'position', 'head', 'everything'] as const
type Kind = (typeof KINDS)[number]

const ALIKE = 6 // decimals of shares that decide which is the larger one
const DECIDES = THRESHOLDS.decides // of the change between the places: what the last layer's pattern makes of it, at least
const MOST_UNPAIRED = THRESHOLDS.unpaired // of the change: what keys with no counterpart give, at most

// A feature of a query or a key: `token` (what stands there), `position`, `head` (what an earlier head wrote there), `everything`.
export class Spot {
  constructor(
    readonly kind: Kind,
    readonly word: string, // where it stands in its sentence
    readonly position: number,
    readonly head: Head | null = null,
    readonly read: readonly number[] = [], // where that head found what matters of what it read, positions and words
    readonly read_words: readonly string[] = [],
    readonly label = '', // the words as a sentence names them, by their number where they stand there more than once
    readonly read_labels: readonly string[] = [],
  ) {}

  // The feature in words.
  get name(): string {
    const place = this.label || String(new Word(this.word))
    if (this.kind === 'position') return filled(PHRASES.position, { position: this.position })
    if (this.kind !== 'head' || !this.head) return place
    const words = this.read_labels.length ? this.read_labels : this.read_words.map((word) => String(new Word(word)))
    const told = { head: headName(...this.head), words: words.join(` ${PHRASES.and} `), place }
    return filled(words.length ? PHRASES.read : PHRASES.wrote, told)
  }

  // It with all that was read here or in another finding of the same feature.
  joined(other: Spot): Spot {
    const read = new Map<number, [string, string]>()
    for (const spot of [this, other]) spot.read.forEach((at, nth) => read.set(at, [spot.read_words[nth], spot.read_labels[nth]]))
    const found = [...read.keys()].sort((one, two) => one - two)
    const [words, labels] = [0, 1].map((which) => found.map((at) => read.get(at)![which]))
    return new Spot(this.kind, this.word, this.position, this.head, found, words, this.label, labels)
  }
}

// A part of a score that draws the eye, in one sentence: a feature of the query with a feature of the key.
export interface Drawn {
  here: boolean // it does so at the choice's place, else at the other one
  sequence: number
  query: Spot
  key: Spot | null // null for every key
  slot: number | null // the position of the key here, which the key there answers to
  by_query: number // how much of what differs between the places is the query's, from 0 to 1; the rest is the key's
  undone: number // which share of what the pattern makes is undone with it alone exchanged
  alone: boolean // that is enough, without another
}

// What one clause says: all of these keys draw the eye of all of these queries, here or in the other sentence.
export interface Told {
  here: boolean
  keys: (Spot | null)[] // null for every key: then it is the queries that turn the eye
  slots: (number | null)[]
  queries: Spot[]
}

// What draws the eye at a choice's place.
export class EyeRecord {
  constructor(
    readonly parts: readonly Drawn[], // those that draw it here first
    readonly makes: number, // what the last layer's pattern makes of the change, mean over the other places
    readonly undone: number, // which share of that is undone with all of them exchanged, the least over the other places
    readonly flips: boolean, // that changes the prediction, against whichever other place
    readonly predicts: readonly string[], // what is most likely then, the most likely first
  ) {}

  // What is to be said: parts with the same query together, and then queries with the same keys.
  told(): Told[] {
    const found: (Told & { same: string })[] = []
    const queries = new Map(this.parts.map(({ here, query }) => [same([here, query]), { here, query }]))
    for (const [of, { here, query }] of queries) {
      // What is the same word for word in several other sentences is said once.
      const mine = this.parts.filter((part) => same([part.here, part.query]) === of)
      const some = [...new Map(mine.map(({ key, slot }) => [same([key, slot]), { key, slot }])).values()]
      const keys = some.map(({ key }) => key)
      const known = found.find((told) => told.same === same([here, keys]))
      if (known) known.queries.push(query)
      else found.push({ here, keys, slots: some.map(({ slot }) => slot), queries: [query], same: same([here, keys]) })
    }
    return found.map(({ here, keys, slots, queries }) => ({ here, keys, slots, queries }))
  }
}

const same = (of: unknown) => JSON.stringify(of)

// What draws the eye at a choice's place, against all other places; null where nothing is named.
export function eye(subject: Subject, choice: Choice): EyeRecord | null {
  const found = choice.others.flatMap((other) => {
    const rows = alignedRows(subject, choice, other)
    const told = rows.share >= DECIDES && rows.unpaired <= MOST_UNPAIRED * Math.abs(rows.change) && subject.finite
    const find = told ? search(rows) : null
    return find ? [{ rows, find }] : []
  })
  if (!found.length) return null
  const logits = found.map(({ rows, find }) => rows.logits(find.lowered))
  const undone = found.map(({ rows, find }) => rows.undone(find.lowered)[0])
  const makes = found.reduce((sum, { rows }) => sum + rows.share, 0) / found.length
  const likely = logits.map(winnersOf)
  const before = winnersOf(subject.clean.logits(choice.place.sequence, choice.place.position))
  const flips = !likely.some((some) => some.some((token) => before.includes(token)))
  const highest = (token: number) => Math.max(...logits.filter((_, nth) => likely[nth].includes(token)).map((row) => row[token]))
  const predicted = [...new Set(likely.flat())].sort((one, other) => highest(other) - highest(one) || one - other)
  const parts = found.flatMap(({ rows, find }) => drawn(subject, choice, rows, find))
  const words = predicted.map((token) => subject.corpus.vocabulary[token])
  return new EyeRecord(merged(parts), makes, Math.min(...undone), flips, words)
}

function winnersOf(logits: Float64Array): number[] {
  const least = Math.max(...logits) - TIE
  return [...logits.keys()].filter((token) => logits[token] >= least)
}

// The rows to compare, in the alignment whose keys with no counterpart give least.
function alignedRows(subject: Subject, choice: Choice, there: Choice['place']): AlignedRows {
  const ways = alignments(subject.corpus.tokens, choice.place, there, subject.model.causal)
  const rows = ways.map((way) => new AlignedRows(subject, choice, there, way))
  return rows[least(rows.map(({ unpaired }) => unpaired))]
}

function drawn(subject: Subject, { place }: Choice, { there }: AlignedRows, { named }: Find): Drawn[] {
  const features = featuresOf(subject.model)
  return named.map((part: Named) => {
    const at = part.here ? place : there
    const every = part.key === EVERY
    const key = part.here ? part.key : part.otherKey
    return {
      ...{ here: part.here, sequence: at.sequence },
      query: spotOf(subject, features, part.queryFeature, at.sequence, at.position, part.queryRead),
      key: every ? null : spotOf(subject, features, part.keyFeature, at.sequence, key, part.keyRead),
      ...{ slot: every ? null : part.key, by_query: part.byQuery, undone: part.undone, alone: part.alone },
    }
  })
}

function spotOf(
  { corpus }: Subject,
  features: readonly Feature[],
  number: number,
  sequence: number,
  position: number,
  read: readonly number[],
): Spot {
  const feature = number === EVERY ? 'everything' : features[number]
  const words = corpus.sentences[sequence]
  const label = (at: number) => String(Word.of(words, at))
  if (typeof feature === 'string') return new Spot(feature, words[position], position, null, [], [], label(position))
  const [names, labels] = [read.map((at) => words[at]), read.map(label)]
  return new Spot('head', words[position], position, feature, read, names, label(position), labels)
}

// What is the same, whatever was read and measured, is one.
function merged(parts: readonly Drawn[]): Drawn[] {
  if (parts.length === 1) return [...parts]
  const found = new Map<string, Drawn>()
  for (const part of parts) {
    const spots = [part.query, part.key].map((spot) => spot && [spot.kind, spot.position, spot.head])
    const what = same([part.here, part.sequence, ...spots])
    const known = found.get(what)
    found.set(what, known ? joined(known, part) : part)
  }
  return [...found.values()].sort(inOrder)
}

// With what the same is against another place, too: all that was read, the smaller share.
function joined(one: Drawn, other: Drawn): Drawn {
  const least = rounded(one.undone, ALIKE) <= rounded(other.undone, ALIKE) ? one : other
  const key = one.key && other.key && one.key.joined(other.key)
  return { ...least, query: one.query.joined(other.query), key, alone: one.alone && other.alone }
}

// Here first, then by position and kind, the weightiest first.
function inOrder(one: Drawn, other: Drawn): number {
  const [mine, theirs] = [one, other].map(orderOf)
  for (let at = 0; at < Math.min(mine.length, theirs.length); at++) {
    const [a, b] = [mine[at], theirs[at]]
    const apart = typeof a === 'string' ? inCodePoints(a, b as string) : a - (b as number)
    if (apart) return apart
  }
  return mine.length - theirs.length
}

// What is compared, one after the other; a list that ends is before one that goes on.
function orderOf({ here, key, query, undone }: Drawn): (number | string)[] {
  const spots = [key ?? new Spot('everything', '', -1), query]
  const ended = -2 // before every position, layer and head
  const kinds = spots.flatMap(({ position, kind, head, read }) => [position, KINDS.indexOf(kind), ...(head ?? [-1, -1]), ...read, ended])
  return [Number(!here), ...kinds, -rounded(undone, ALIKE), ...spots.flatMap(({ word, read_words }) => [word, ...read_words])]
}
