// The ways to take a part away: which are possible, and where a part is resampled from.

import { type Alignment, alignments, visible } from '../../data/alignment'
import type { Choice, Place } from '../choice'
import type { Kind as PartKind, Part } from '../part'
import type { Subject } from '../subject'

export const KINDS = ['zero', 'mean', 'resample', 'mask'] as const
export type Kind = (typeof KINDS)[number]

const WITHIN_SENTENCE: readonly PartKind[] = ['positions', 'direct:position'] // their mean and resampling need no other sentence
const KEYS: readonly PartKind[] = ['source', 'edge', 'token'] // what is looked at, and can be masked
const EMBEDDED: readonly PartKind[] = ['token', 'direct', 'direct:token'] // of which all that matters elsewhere is the token

// The sentence that a part is resampled from, and its position for every one here, -1 where it has none; positions here that say nothing
// of the part at the choice's place have none either.
export interface Donor {
  sequence: number
  positions: number[]
}

// A part of a sentence, and how it is taken away; donor: where it is resampled from.
export interface Way {
  sequence: number
  part: Part
  kind: Kind
  donor?: Donor
}

interface There {
  other: Place
  alignment: Alignment
}

// The ways to take each part away, [part][kind]: none where a kind is not possible, as KINDS has them.
//
// A part is resampled from every other place of the choice, in every alignment of the two; what has no counterpart there becomes zero.
// Ways that replace it by the same thing are one.
export function ways(subject: Subject, choice: Choice, parts: readonly Part[]): Way[][][] {
  const { tokens } = subject.corpus
  const found: There[] = choice.others.flatMap((other) =>
    alignments(tokens, choice.place, other, subject.model.causal).map((alignment) => ({ other, alignment })),
  )
  return parts.map((part) => KINDS.map((kind) => ofKind(subject, choice, part, kind, found)))
}

function ofKind(subject: Subject, choice: Choice, part: Part, kind: Kind, found: readonly There[]): Way[] {
  const { sequence } = choice.place
  const within = WITHIN_SENTENCE.includes(part.kind)
  const possible: Record<Kind, boolean> = {
    zero: true,
    mean: within || subject.corpus.n_sequences > 1, // else it would put back what was there
    resample: within,
    mask: KEYS.includes(part.kind),
  }
  if (kind === 'resample' && !within) return donorsOf(subject, choice, part, found).map((donor) => ({ sequence, part, kind, donor }))
  return possible[kind] ? [{ sequence, part, kind }] : []
}

function donorsOf(subject: Subject, choice: Choice, part: Part, found: readonly There[]): Donor[] {
  const { tokens, n_ctx } = subject.corpus
  const matter = thatMatter(subject, choice, part)
  const different = new Map<string, Donor>()
  for (const { other, alignment } of found) {
    const there = new Map(alignment.pairs)
    const positions = Array.from({ length: n_ctx }, (_, at) => (matter.has(at) ? (there.get(at) ?? -1) : -1))
    const read = positions.map((at) => (at >= 0 ? tokens[other.sequence][at] : -1))
    const key = EMBEDDED.includes(part.kind) ? read.join() : `${other.sequence}: ${positions.join()}`
    if (!different.has(key)) different.set(key, { sequence: other.sequence, positions })
  }
  return [...different.values()]
}

// The positions whose counterparts say what a part becomes, as far as the choice's place can tell.
function thatMatter(subject: Subject, choice: Choice, part: Part): Set<number> {
  const { sequence, position } = choice.place
  const [row, last] = [subject.corpus.tokens[sequence], subject.model.n_layers - 1]
  if (part.kind === 'source' && last === 0) return new Set([position, part.position!])
  if (part.kind === 'edge') return new Set([part.query!, part.position!])
  if (part.kind === 'head' && part.layer === last) return new Set([position])
  if (part.kind === 'token') return new Set(placesOf(row, part.token!))
  if (part.kind === 'direct' || part.kind === 'direct:token') return new Set([position])
  return new Set(Array.from({ length: visible(row, position, subject.model.causal) }, (_, at) => at))
}

// Where a token stands in a sentence.
export const placesOf = (row: readonly number[], token: number) => [...row.keys()].filter((at) => row[at] === token)
