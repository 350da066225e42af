// What is a letter of a text and what is none, and what tokens are made of.

export const HALF_A_CHARACTER = /[\ud800-\udfff]/u // no UTF-8 can hold it
export const NO_LETTERS = /[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\uffa0\ufeff\ufff9-\ufffb]/g
export const WORDS = 'words'
export const CHARACTERS = 'characters'
// What separates words: Python's white space, which is not JavaScript's.
// eslint-disable-next-line no-control-regex
export const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/
