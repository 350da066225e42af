// Tokens that a reader takes for one word, and a model does not: pointed out, never changed.

import { escaped } from '../notation/values'
import { escapeUnseen, isUnseen } from '../notation/visible'
import type { Corpus } from './corpus'
import { CHARACTERS } from './letters'

// From what nobody can see to what everybody sees. Each tells how to take one kind of difference away.
const CAPITALS = 'capital letters'
const PUNCTUATION = 'punctuation'
const UNSEEN = 'unseen characters'
const NORMAL_FORM = 'how marks are encoded (NFC, NFD)'
const WIDTH = 'width or style (NFKC)'
const STOPS = '.,;:!?"\'…،؛؟۔।'
const ENCLOSING = /^[\p{Pe}\p{Pf}\p{Pi}\p{Ps}]$/u
const MOST_NAMED = 4

// sentences: the numbers, from 0, of those that hold each token; text: the sentence that points them out
export interface Lookalikes {
  tokens: string[]
  reasons: string[]
  sentences: number[][]
  text: string
}

// The groups of a corpus' tokens that differ only in capitals, punctuation, or what cannot be seen.
export function lookalikes(corpus: Corpus): Lookalikes[] {
  const kept = corpus.tokens_are === CHARACTERS ? CAPITALS : null // T and t are easily told apart, letter by letter
  const alike = new Map<string, string[]>()
  for (const token of corpus.vocabulary) {
    if (token === corpus.start) continue
    const key = without(token, kept)
    alike.set(key, [...(alike.get(key) ?? []), token])
  }
  return [...alike.values()]
    .filter((tokens) => tokens.length > 1)
    .map((tokens) => {
      const sentences = tokens.map((token) => corpus.sentences.flatMap((words, number) => (words.includes(token) ? [number] : [])))
      const reasons = reasonsOf(tokens)
      const each = tokens.map((token, nth) => `“${toldApart(token)}”${where(sentences[nth])}`)
      const text = `${listed(each)} differ only in ${listed(reasons)}: they are ${each.length} tokens.`
      return { tokens, reasons, sentences, text }
    })
}

// The token without every difference but the one that is kept.
function without(token: string, kept: string | null): string {
  let left = token
  if (kept !== UNSEEN)
    left =
      Array.from(left)
        .filter((letter) => !isHidden(letter))
        .join('') || left
  left = left.normalize(kept === WIDTH ? 'NFC' : 'NFKC')
  if (kept !== CAPITALS) left = left.toLowerCase()
  return kept === PUNCTUATION ? left : bare(left)
}

function reasonsOf(tokens: string[]): string[] {
  const several = (spelled: string[]) => new Set(spelled).size
  const kept = [CAPITALS, PUNCTUATION, UNSEEN, WIDTH].filter((kind) => several(tokens.map((token) => without(token, kind))) > 1)
  return several(tokens.map((token) => token.normalize('NFC'))) < tokens.length ? [...kept, NORMAL_FORM] : kept
}

// Variation selectors and joiners tell emoji apart, and hardly any reader sees how.
const isHidden = (letter: string) => isUnseen(letter) || /^[\ufe00-\ufe0f\u034f\u115f\u1160]$/.test(letter)

function bare(token: string): string {
  const letters = Array.from(token)
  let [first, end] = [0, letters.length]
  while (first < end && isPunctuation(letters[first])) first++
  while (first < end && isPunctuation(letters[end - 1])) end--
  return letters.slice(first, end).join('') || token
}

const isPunctuation = (letter: string) => ENCLOSING.test(letter) || STOPS.includes(Array.from(letter.normalize('NFKC'))[0])

// With code points where two spellings look the same.
function toldApart(token: string): string {
  const composed = token.normalize('NFC') === token
  return Array.from(escapeUnseen(token), (letter) => (isHidden(letter) || (combines(letter) && !composed) ? escaped(letter) : letter)).join(
    '',
  )
}

// Whether a character has a combining class: marks of other classes change places with it.
function combines(letter: string): boolean {
  const [first] = letter.normalize('NFD')
  const moves = (text: string) => text.normalize('NFD') !== text
  return moves(`${first}\u0334`) || moves(`\u0345${first}`)
}

function where(rows: number[]): string {
  if (!rows.length) return ''
  const shown = rows.slice(0, MOST_NAMED).map((row) => String(row + 1))
  const more = rows.length > MOST_NAMED ? ` and ${rows.length - MOST_NAMED} more` : ''
  return ` (sentence${rows.length > 1 ? 's' : ''} ${shown.join(', ')}${more})`
}

const listed = (parts: string[]) => (parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}` : parts.join(''))
