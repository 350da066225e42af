// Characters that do something, or nothing that can be seen, written out: no text steers what it is shown on.

import { escaped } from './values'

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
// What words are spelled with, and harmless: a joiner between two letters or emoji, and the tags of a flag's name.
const SEEN = '[^\\x00-\\x7f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]'
const SPELLING = new RegExp(`(?<=${SEEN})[\\u200c\\u200d](?=${SEEN})|\\u{1f3f4}[\\u{e0030}-\\u{e007a}]{3,6}\\u{e007f}`, 'gu')

// Whether a character does something, or nothing that can be seen.
export const isUnseen = (letter: string) => letter !== '\n' && letter !== '\t' && UNSEEN.test(letter)

// A text with what cannot be seen as Python escapes it; line feeds, tabs and the joiners of words and emoji stay.
export function escapeUnseen(words: string): string {
  if (!UNSEEN.test(words)) return words
  const shown: string[] = []
  let done = 0
  for (const found of words.matchAll(SPELLING)) {
    shown.push(lettersSeen(words.slice(done, found.index)), found[0])
    done = found.index + found[0].length
  }
  return [...shown, lettersSeen(words.slice(done))].join('')
}

const lettersSeen = (words: string) => Array.from(words, (letter) => (isUnseen(letter) ? escaped(letter) : letter)).join('')
