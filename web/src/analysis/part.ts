// What can be taken away from a model, or contributes to what it predicts: which kind of part, and which one of them.

import type { Corpus } from '../data/corpus'
import { filled, PHRASES, TABLE } from './words'

export type Kind = 'source' | 'edge' | 'head' | 'token' | 'direct' | 'direct:token' | 'direct:position' | 'positions'

export const [NECESSARY, IRRELEVANT, BETWEEN] = ['necessary', 'irrelevant', 'between'] as const // what a trial says of a part

// A part of a model, in one sentence; src/headlab/analysis/part.py says what each kind is. What a kind does not have is null.
export interface Part {
  kind: Kind
  layer: number | null
  head: number | null
  position: number | null // of an edge: its key
  query: number | null
  token: number | null // an id
}

export const partOf = (kind: Kind, of: Partial<Omit<Part, 'kind'>> = {}): Part => ({
  ...{ kind, layer: null, head: null, position: null, query: null, token: null },
  ...of,
})

const ORDINALS = TABLE.ordinals

// A token as a sentence names it: by its number, too, where its sentence holds it more than once.
export class Word {
  constructor(
    readonly word: string,
    readonly position: number | null = null,
    readonly nth: number | null = null,
  ) {}

  static of(words: readonly string[], position: number): Word {
    const word = words[position]
    const upTo = (end: number) => words.slice(0, end).filter((other) => other === word).length
    return new Word(word, position, upTo(words.length) > 1 ? upTo(position + 1) : null)
  }

  static each(words: readonly string[]): Word[] {
    const [count, seen] = [new Map<string, number>(), new Map<string, number>()]
    const add = (to: Map<string, number>, word: string) => to.set(word, (to.get(word) ?? 0) + 1).get(word)!
    for (const word of words) add(count, word)
    return words.map((word, position) => {
      const nth = add(seen, word)
      return new Word(word, position, count.get(word)! > 1 ? nth : null)
    })
  }

  toString(): string {
    const { word, nth } = this
    if (nth === null) return filled(PHRASES.quoted, { word })
    const ordinal = [11, 12, 13].includes(nth % 100) ? ORDINALS.from_11_to_13 : ORDINALS.by_last_digit[nth % 10]
    return filled(PHRASES.nth, { word, nth, ordinal })
  }
}

// A part in words.
export function nameOf({ kind, layer, head, position, query, token }: Part, corpus: Corpus, sequence: number): string {
  const row = (at: number) => corpus.positionWords(sequence)[at]
  if (kind === 'source' && position !== null) return filled(PHRASES.source, { key: row(position) })
  if (kind === 'edge' && position !== null && query !== null) {
    const ends = { query: row(query), key: row(position) }
    return layer === null ? filled(PHRASES.edge, ends) : filled(PHRASES.edge_of, { ...ends, head: headName(layer, head) })
  }
  if (kind === 'head') return headName(layer, head)
  if (kind === 'token' && token !== null) return filled(PHRASES.token, { token: corpus.vocabulary[token] })
  return (TABLE.listed as Record<string, string>)[kind]
}

// A part as a list of parts shows it: a source by its position alone.
export function labelOf(part: Part, corpus: Corpus, sequence: number): string {
  if (part.kind === 'source' && part.position !== null) return corpus.positionWords(sequence)[part.position]
  return nameOf(part, corpus, sequence)
}

export const headName = (layer: number | null, head: number | null): string => filled(PHRASES.head, { layer, head })
