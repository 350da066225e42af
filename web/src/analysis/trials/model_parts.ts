// Which parts a model has: the one that is asked for, and all that are tried for one prediction.

import { problem, Problems } from '../../errors'
import { listing, shortRepr } from '../../notation/values'
import type { Place } from '../choice'
import { type Kind, type Part, partOf } from '../part'
import type { Subject } from '../subject'
import { parse, unknownPart } from './spelling'

export type Fields = { kind?: unknown } & Partial<Record<Exclude<keyof Part, 'kind'>, unknown>>
export type Named = string | Fields // as parts are spelled, or the fields of one; positions and tokens may be words

// A part that this model and sentence have; throws the problem of one that they have not, which lists what exists.
export function findPart(subject: Subject, sequence: number, named: Named): Part {
  const fields: Fields = typeof named === 'string' ? parse(named) : named
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw unknownPart(named)
  const { kind, layer, head, position, query, token } = fields
  switch (kind) {
    case 'source':
      return partOf('source', { position: subject.position(sequence, position) })
    case 'edge':
      return edge(subject, sequence, query, position, layer, head)
    case 'head':
      return partOf('head', headOf(subject, layer, head))
    case 'token':
      return tokenOf(subject, sequence, token)
    case 'direct':
    case 'direct:token':
    case 'direct:position':
    case 'positions':
      return whole(subject, kind)
  }
  throw unknownPart(named)
}

// What is tried for one prediction: sources it can see, heads where there are several, direct parts, positions.
export function partsAt({ model, corpus }: Subject, place: Place): Part[] {
  const last = model.causal ? place.position + 1 : corpus.lengths[place.sequence]
  const found = Array.from({ length: last }, (_, position) => partOf('source', { position }))
  if (model.n_layers * model.n_heads > 1)
    for (let layer = 0; layer < model.n_layers; ++layer)
      for (let head = 0; head < model.n_heads; ++head) found.push(partOf('head', { layer, head }))
  if (model.residual) found.push(partOf('direct:token'))
  if (model.residual && model.positions) found.push(partOf('direct:position'))
  if (model.positions) found.push(partOf('positions'))
  return found
}

const headOf = (subject: Subject, asked: unknown, of: unknown) => {
  const [layer, head] = subject.layerAndHead(asked, of)
  return { layer, head }
}

function edge(subject: Subject, sequence: number, from: unknown, to: unknown, layer: unknown, head: unknown): Part {
  const [query, position] = [subject.position(sequence, from), subject.position(sequence, to)]
  if (subject.model.causal && position > query) {
    const words = subject.corpus.positionWords(sequence)
    throw new Problems(
      problem(
        `a key must be at or before its query under the causal mask, got ${words[position]} after ${words[query]}: ` +
          `choose one of ${listing(words.slice(0, query + 1))}`,
      ),
    )
  }
  return partOf('edge', { query, position, ...(layer != null || head != null ? headOf(subject, layer, head) : {}) })
}

function tokenOf(subject: Subject, sequence: number, asked: unknown): Part {
  const token = subject.token(asked)
  if (!subject.corpus.tokens[sequence].includes(token)) {
    const there = listing([...new Set(subject.corpus.sentences[sequence])])
    throw new Problems(problem(`the token must be one of the sentence's, ${there}; got ${shortRepr(asked)}`))
  }
  return partOf('token', { token })
}

function whole({ model }: Subject, kind: Kind): Part {
  if (kind !== 'positions' && !model.residual)
    throw new Problems(problem('the direct path must be in the model, and this one has no residual connection'))
  if ((kind === 'positions' || kind === 'direct:position') && !model.positions)
    throw new Problems(problem('positions must be in the model, and this one has no position embeddings'))
  return partOf(kind)
}
