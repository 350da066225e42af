// Reading corpus text: one sentence a line, tokens between spaces; every fault named with its place.
//
// Lines are what editors call lines. Everything else that Unicode calls white space separates words. Characters that nobody sees are no
// letters and are left out, wherever they stand; joiners stay, as Persian, Indic scripts and emoji are spelled with them.

import { problem, Problems } from '../errors'
import { shortRepr } from '../notation/values'
import { CHARACTERS, HALF_A_CHARACTER, NO_LETTERS, SPACES, WORDS } from './letters'

const LINE_END = /\r\n|\r|\n/
const MAX_SENTENCES = 10_000
const MAX_TOKENS = 1_024
const SPACE = '␣' // the token between words where tokens are characters

// The words of one line.
export const splitLine = (line: string) => line.replace(NO_LETTERS, '').split(SPACES).filter(Boolean)

// A sentence's tokens as the text that they came from, with the start token before it if it is there.
export function joinTokens(tokens: readonly string[], kind = WORDS, start: string | null = null): string {
  if (kind !== CHARACTERS) return tokens.join(' ')
  const first = start !== null && tokens[0] === start ? [start] : []
  const rest = tokens.slice(first.length).join('').replaceAll(SPACE, ' ')
  return [...first, ...(tokens.length > first.length ? [rest] : [])].join(' ')
}

// The words of every line that has any.
export function splitSentences(text: unknown, start: string | null): string[][] {
  const checked = checkedText(text, start)
  const sentences = checked
    .split(LINE_END)
    .map((line, at) => ({ number: at + 1, words: splitLine(line) }))
    .filter(({ words }) => words.length > 0)
  if (sentences.length === 0) throw said('the corpus must have at least one sentence, got none: write one sentence a line')
  if (sentences.length > MAX_SENTENCES)
    throw said(`the corpus must have at most ${MAX_SENTENCES} sentences, got ${sentences.length}: take some of them`)
  for (const { number, words } of sentences) {
    if (words.length > MAX_TOKENS)
      throw said(`a sentence must have at most ${MAX_TOKENS} tokens, got ${words.length} in line ${number}: break it into lines`, number)
    if (start !== null && words.includes(start))
      throw said(
        `a sentence must not hold the start token ${shortRepr(start)}, got it in line ${number}: it is put there by ` +
          `itself, or choose another with start=`,
        number,
      )
  }
  if (sentences.length === 1 && sentences[0].words.length < 2)
    throw said(`the corpus must have at least two words, got only ${shortRepr(sentences[0].words[0])}: add a sentence`)
  return sentences.map(({ words }) => words)
}

const said = (text: string, line: number | null = null) => new Problems(problem(text, null, line))

function checkedText(text: unknown, start: unknown): string {
  if (typeof text !== 'string') throw said(`the corpus must be text, got ${typeof text}: pass one sentence a line`)
  if (start !== null && (typeof start !== 'string' || !isOneWord(start) || HALF_A_CHARACTER.test(start)))
    throw said(`the start token must be one word, got ${shortRepr(start)}: choose a spelling without spaces or unseen characters`)
  const half = HALF_A_CHARACTER.exec(text)
  if (half) {
    const line = text.slice(0, half.index).split(LINE_END).length
    throw said(`the corpus must be text, got half a character (${shortRepr(half[0])}) in line ${line}: take it away`, line)
  }
  return text
}

function isOneWord(text: string): boolean {
  const words = splitLine(text)
  return words.length === 1 && words[0] === text
}
