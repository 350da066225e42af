// Whether each subset of some parts suffices for the right prediction, every subset of them.
//
// In the last layer what is kept and what is taken away add up in the logits: one sum a token and subset. Edges of earlier layers change
// what the last layer reads and where it looks, so that each subset of those is a case of its own for the kernel.

import type { Edit, Shape } from '../../kernel/asked'
import type { Place } from '../choice'
import { TIE } from '../looking/predictions'
import type { Part } from '../part'
import type { Subject } from '../subject'
import { addProduct, addScaled } from '../vectors'
import { sums } from './subsets'
import { embedding } from './tried'

const AT_A_TIME = 2_000_000 // multiplications, about, after which somebody may say that it is enough
const MOST = 512 // forward passes at a time

export type Counterparts = ReadonlyMap<number, number> // of positions of the choice's sentence: where each stands in another

// A place at which the right token must be predicted with some parts only, and what stands in for the others.
//
// place, target: where, and the right token; at: where the parts' positions stand in its sentence
// donor: the place whose parts stand in, left out for zero; there: where the parts' positions stand in the donor's sentence
// A part without a counterpart at the place is none of it, and one without at the donor becomes zero.
export interface Scene {
  place: Place
  target: number
  at: Counterparts
  donor?: Place
  there?: Counterparts
}

export const isEarly = ({ layer }: Part, last: number) => layer !== null && layer < last

// The parts in the order in which `suffices` takes them: those of earlier layers than the last one behind.
export const lastLayerFirst = (parts: readonly Part[], last: number): Part[] =>
  [...parts].sort((one, other) => Number(isEarly(one, last)) - Number(isEarly(other, last)))

// By subset: with no other of these parts the target leads in every scene, and nothing is tied with it.
//
// parts: edges and direct paths, by positions of the choice's sentence, last layer first; what is none of them stays
// yields the share of the work that is done
export function* suffices(subject: Subject, scenes: readonly Scene[], parts: readonly Part[]): Generator<number, Uint8Array> {
  const last = subject.model.n_layers - 1
  const [late, early] = [false, true].map((behind) => parts.filter((part) => isEarly(part, last) === behind))
  const [width, number] = [1 << late.length, 1 << early.length]
  const found = new Uint8Array(width * number).fill(1)
  const of = (one: number) => found.subarray(one * width, (one + 1) * width)
  const step = passesAtATime(subject.problem.shape)
  for (const [nth, scene] of scenes.entries()) {
    // What did not suffice elsewhere is tried no more.
    const cases = [...Array(number).keys()].filter((one) => of(one).includes(1))
    for (let start = 0; start < cases.length; start += step) {
      const some = cases.slice(start, start + step)
      const { logits, goes } = early.length ? without(subject, scene, early, late, some) : asItIs(subject, scene, late)
      some.forEach((one, at) => keepRight(of(one), scene.target, logits(at), goes(at)))
      yield (nth + (start + some.length) / cases.length) / scenes.length
    }
  }
  return found
}

function passesAtATime({ n_layers, n_heads, n_ctx, d_model, d_head }: Shape): number {
  const pass = n_layers * n_heads * n_ctx * (d_model * (2 * d_head + d_model) + n_ctx * (d_head + d_model))
  return Math.max(1, Math.min(MOST, Math.floor(AT_A_TIME / pass)))
}

// What suffices of subsets of the last layer's parts, each of which takes something of the logits along when it goes.
function keepRight(suffices: Uint8Array, target: number, logits: Float64Array, goes: readonly Float64Array[]) {
  if (!logits.every(Number.isFinite)) suffices.fill(0)
  logits.forEach((logit, token) => {
    if (token === target) return
    const [ahead, takes] = [logits[target] - logit, goes.map((taken) => taken[target] - taken[token])]
    const most = takes.reduce((sum, take) => sum + Math.max(take, 0), 0) // however few of these parts are kept
    if (ahead - most > 2 * TIE) return
    const taken = sums(takes)
    for (let subset = 0; subset < suffices.length; subset++) if (!(ahead - taken[subset] > TIE)) suffices[subset] = 0
  })
}

interface Found {
  logits: (nth: number) => Float64Array // of a case
  goes: (nth: number) => Float64Array[] // what each part of the last layer adds to them
}

function asItIs(subject: Subject, scene: Scene, late: readonly Part[]): Found {
  const { sequence, position } = scene.place
  const lost = late.map((part) => inLogits(subject, lostWith(subject, scene, part)))
  return { logits: () => subject.clean.logits(sequence, position), goes: () => lost }
}

// The same of each subset of earlier layers' edges, without the edges that it lacks.
function without(subject: Subject, scene: Scene, early: readonly Part[], late: readonly Part[], subsets: readonly number[]): Found {
  const { kernel, problem, flat } = subject
  const { d_vocab } = problem.shape
  const there = early.flatMap((part, nth) => (edgeAt(part, scene.at) ? [{ part, bit: 1 << nth }] : []))
  const edits = there.map(({ part }) => changeOf(subject, scene, part))
  const reads = late.flatMap((part) => {
    const edge = part.kind === 'edge' ? edgeAt(part, scene.at) : null
    return edge ? [{ part, head: part.head!, key: edge.key }] : []
  })
  const one = { sequence: scene.place.sequence, at: scene.place.position, edits, reads: reads.map(({ head, key }) => ({ head, key })) }
  const made = subsets.map((subset) => there.flatMap(({ bit }, nth) => (subset & bit ? [] : [nth])))
  const { logits, reads: read } = kernel.lookEach(problem, flat, one, made)
  const fixed = late.map((part) => {
    const nth = reads.findIndex((of) => of.part === part)
    const given = nth < 0 ? lostWith(subject, scene, part) : standIn(subject, scene, part)
    return { nth, given: inLogits(subject, given) }
  })
  return {
    logits: (at) => logits.subarray(at * d_vocab, (at + 1) * d_vocab),
    goes: (at) =>
      fixed.map(({ nth, given }) => {
        if (nth < 0) return given
        const start = (at * reads.length + nth) * d_vocab
        return addScaled(read.slice(start, start + d_vocab), given, -1)
      }),
  }
}

// What becomes of an earlier layer's edge when it goes.
function changeOf({ corpus }: Subject, { at, donor, there }: Scene, part: Part): Edit {
  const { query, key } = edgeAt(part, at)!
  const edge = { what: 'edge', layer: part.layer!, head: part.head!, at: query, key } as const
  if (!donor || !there) return { ...edge, how: 'zero' }
  const from = new Array<number>(corpus.n_ctx).fill(-1)
  for (const [position, here] of at) from[here] = there.get(position) ?? -1
  return { ...edge, how: 'from', donor: donor.sequence, there: from }
}

function edgeAt({ query, position }: Part, at: Counterparts): { query: number; key: number } | null {
  const [from, to] = [at.get(query!), at.get(position!)]
  return from === undefined || to === undefined ? null : { query: from, key: to }
}

// As the logits see what is written.
function inLogits({ params, problem }: Subject, written: Float64Array): Float64Array {
  return params.W_U ? addProduct(new Float64Array(problem.shape.d_vocab), written, params.W_U) : written
}

// What a part takes along when it goes, less what comes in its place, where it writes; nobody else intervening.
function lostWith(subject: Subject, scene: Scene, part: Part): Float64Array {
  if (part.kind !== 'edge') {
    const now = embedOf(subject, part, scene.place).slice()
    return scene.donor ? addScaled(now, embedOf(subject, part, scene.donor), -1) : now
  }
  if (!edgeAt(part, scene.at)) return nothing(subject)
  return addScaled(readOf(subject, part, scene.place.sequence, scene.at), standIn(subject, scene, part), -1)
}

// What heads read across the edge at the donor, which nobody intervened upon; zero without one.
const standIn = (subject: Subject, { donor, there }: Scene, part: Part) =>
  donor && there ? readOf(subject, part, donor.sequence, there) : nothing(subject)

// What a head reads from a key for a query, pattern · v W_O, in a sentence; zero where there is no such edge.
function readOf(subject: Subject, part: Part, sequence: number, at: Counterparts): Float64Array {
  const edge = edgeAt(part, at)
  if (!edge) return nothing(subject)
  const { clean, params } = subject
  const [layer, head] = [part.layer!, part.head!]
  const weight = clean.pattern(layer, head, sequence, edge.query)[edge.key]
  const read = clean.v(layer, head, sequence, edge.key).map((value) => weight * value)
  const W_O = params.W_O(layer, head)
  return W_O ? addProduct(nothing(subject), read, W_O) : read
}

function embedOf({ params, corpus, problem }: Subject, { kind }: Part, { sequence, position }: Place): Float64Array {
  const { d_model } = problem.shape
  if (kind === 'direct:position') return embedding(params.W_pos!, position, d_model)
  return embedding(params.W_E, corpus.tokens[sequence][position], d_model)
}

const nothing = ({ problem }: Subject) => new Float64Array(problem.shape.d_model)
