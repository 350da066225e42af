// How parts, positions and tokens are spelled, as on the command line: the one place where they are read and written.
//
// A number is a position, or a token's id; everything else is a word. A word that is a number, that begins with a quote or that holds the
// mark after which the next word comes stands in double quotes, and a quote in it is doubled:
// `edge:3>"<Start>"`, `source:"2"`, `token:"say ""a"" now"`.

import { problem, Problems } from '../../errors'
import { shortRepr } from '../../notation/values'
import type { Part } from '../part'
import type { Fields } from './model_parts'

const SPELLINGS =
  'source:POSITION, edge:QUERY>KEY, edge:LAYER.HEAD:QUERY>KEY, head:LAYER.HEAD, token:TOKEN, direct, ' +
  'direct:token, direct:position, positions'
const QUOTING = 'a word with a mark in it, or that is a number, goes in double quotes'
const QUOTED = '"(?:[^"]|"")*"'
const WHOLE = ['direct', 'direct:token', 'direct:position', 'positions'] // kinds of which a model has one part

// The fields of a part, positions and tokens as they are spelled; throws the problem of what is spelled in no such way.
export function parse(text: string): Fields {
  if (WHOLE.includes(text)) return { kind: text }
  const [kind, rest] = halves(text, ':')
  if (kind === 'direct') throw new Problems(problem(`the direct path must be that of the token or the position, got ${shortRepr(rest)}`))
  const fields = fieldsOf(kind, rest)
  if (!fields) throw unknownPart(text)
  return { kind, ...fields }
}

// A part as it is read.
export function spelling({ kind, layer, head, position, query, token }: Part): string {
  const of = layer === null ? '' : `${layer}.${head}`
  if (kind === 'source') return `source:${position}`
  if (kind === 'edge') return `edge:${of && `${of}:`}${query}>${position}`
  if (kind === 'head') return `head:${of}`
  return kind === 'token' ? `token:${token}` : kind
}

// The problem that says how parts are spelled.
export const unknownPart = (given: unknown) =>
  new Problems(problem(`a part must be one of ${SPELLINGS} (${QUOTING}); got ${shortRepr(given)}`))

// One position or token as it is spelled: a number, a word, or a word in double quotes; null where it is none.
export function readWord(text: string): number | string | null {
  if (new RegExp(`^${QUOTED}$`).test(text)) return text.slice(1, -1).replaceAll('""', '"')
  if (!text || text.startsWith('"')) return null // a quoted word ends with its quote
  return /^(0|[1-9][0-9]{0,8})$/.test(text) ? Number(text) : text
}

// Positions or tokens with a mark between them; null where they are not.
export function readWords(text: string, mark: string): (number | string | null)[] | null {
  const word = `(?:${QUOTED}|[^"${mark}][^${mark}]*)`
  if (!new RegExp(`^${word}(?:${mark}${word})*$`).test(text)) return null
  return (text.match(new RegExp(word, 'g')) ?? []).map(readWord)
}

function fieldsOf(kind: string, rest: string): Fields | null {
  if (kind === 'source') return known({ position: readWord(rest) })
  if (kind === 'token') return known({ token: readWord(rest) })
  if (kind === 'head') return headIn(rest)
  if (kind !== 'edge') return null
  const of = /^([0-9]+\.[0-9]+):/.exec(rest)
  const words = readWords(of ? rest.slice(of[0].length) : rest, '>')
  if (words?.length !== 2) return null
  return known({ ...(of && headIn(of[1])), query: words[0], position: words[1] })
}

const known = (fields: Fields) => (Object.values(fields).includes(null) ? null : fields)

function headIn(text: string): Fields | null {
  const numbers = text.split('.')
  if (numbers.length !== 2 || !numbers.every((number) => /^\s*[+-]?[0-9]+(_[0-9]+)*\s*$/.test(number))) return null
  const [layer, head] = numbers.map((number) => Number(number.replaceAll('_', '')))
  return { layer, head }
}

function halves(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + mark.length)]
}
