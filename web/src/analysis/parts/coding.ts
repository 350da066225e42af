// How attention codes a dependency, as a number: does it look elsewhere, or find something else where it looks? The change of a logit
// difference between two places falls exactly into a pattern, a value and a direct part; src/headlab/analysis/parts/coding.py says how.

import { type Alignment, alignments } from '../../data/alignment'
import type { Choice, Place } from '../choice'
import type { Subject } from '../subject'
import { THRESHOLDS } from '../words'
import { readoutOf } from './contributions'
import { adjoints, adjointsOfMany, compared } from './exact'

export type CodingPart = 'pattern' | 'value' | 'direct'

const NOTHING = 1e-9 // of a logit: a difference smaller than this has no shares
const MOST_UNPAIRED = THRESHOLDS.unpaired // of the change: with more of it unpaired, it has no shares

// The parts of what a choice's logit difference changes by between its place and its other places, on the mean. unpaired: what goes
// through positions with no counterpart, in logits: the sizes of what each source gives in both places by such paths, summed.
export class Coding {
  constructor(
    readonly pattern: number,
    readonly value: number,
    readonly direct: number,
    readonly unpaired: number,
  ) {}

  // The change itself.
  get total(): number {
    return this.pattern + this.value + this.direct
  }

  get comparable(): boolean {
    return this.unpaired <= MOST_UNPAIRED * Math.abs(this.total)
  }

  // One part over the total; NaN where the places do not differ at all, or cannot be compared.
  share(part: CodingPart): number {
    return Math.abs(this.total) > NOTHING && this.comparable ? this[part] / this.total : NaN
  }
}

// The split between a choice's place and its other places; null where there is no other place.
export function coding(subject: Subject, choice: Choice): Coding | null {
  if (!choice.others.length) return null
  const here = new Reading(subject, choice, choice.place)
  const splits = choice.others.map((other) => splitOf(here, new Reading(subject, choice, other)))
  const mean = (name: CodingPart | 'unpaired') => splits.reduce((sum, split) => sum + split[name], 0) / splits.length
  return new Coding(mean('pattern'), mean('value'), mean('direct'), mean('unpaired'))
}

// What the splits of many models that make the same choice need of the kernel, in one call a place.
export function readyForMany(subjects: readonly Subject[], choice: Choice) {
  const asked = compared(subjects[0].corpus.d_vocab, choice.target, choice.rivals)
  for (const place of [choice.place, ...choice.others]) {
    const every = adjointsOfMany(subjects, place, asked)
    subjects.forEach((subject, run) => subject.adjoints.set(keyOf(choice, place), every[run]))
  }
}

const keyOf = ({ target, rivals }: Pick<Choice, 'target' | 'rivals'>, { sequence, position }: Place) =>
  `${sequence} ${position} ${target} ${rivals.join()}`

export interface Aligned {
  ways: Alignment[]
  way: number // the one whose unpaired positions give least, of equal ones the first
}

// The ways to align a choice's place with another.
export const aligned = (subject: Subject, choice: Choice, there: Place): Aligned =>
  alignedOf(new Reading(subject, choice, choice.place), new Reading(subject, choice, there))

// Which of some amounts is the least, of equal ones the first.
export function least(amounts: readonly number[]): number {
  const bound = Math.min(...amounts) + NOTHING
  return Math.max(
    0,
    amounts.findIndex((amount) => amount <= bound),
  )
}

// What is read at one place with its own pattern.
class Reading {
  readonly embeds: Float64Array // [position, d_model]: the vector that is there
  readonly width: number
  private readonly w: Float64Array // the readout
  private readonly asked: Float64Array // the same of logits
  private found?: Float64Array

  constructor(
    readonly subject: Subject,
    readonly choice: Pick<Choice, 'target' | 'rivals'>,
    readonly place: Place,
  ) {
    const { target, rivals } = choice
    this.w = readoutOf(subject, target, rivals)
    this.asked = compared(subject.corpus.d_vocab, target, rivals)
    this.embeds = subject.embeds(place.sequence)
    this.width = this.w.length
  }

  // What a vector at each position adds to the readout through heads, [position, d_model].
  get G(): Float64Array {
    return (this.found ??= this.flow())
  }

  // What each source gives.
  get gives(): number[] {
    return this.along(this.G)
  }

  // Past all heads.
  get direct(): number {
    const { model } = this.subject
    return model.residual ? dot(this.embeds, this.w, this.place.position * this.width, 0, this.width) : 0
  }

  // The sum of the sizes of what each source gives by paths that start at some positions or pass them.
  through(unpaired: ReadonlySet<number>): number {
    if (!unpaired.size) return 0
    const { gives } = this
    // With one layer no path passes anything on its way.
    const kept = this.subject.model.n_layers > 1 ? this.along(this.flow(unpaired)) : gives
    return gives.reduce((sum, given, at) => sum + Math.abs(given - (unpaired.has(at) ? 0 : kept[at])), 0)
  }

  // The same as G by the paths that are left when what heads read for some positions is lost.
  private flow(lost?: ReadonlySet<number>): Float64Array {
    const { subject, place, width, w } = this
    const pattern = lost && withoutQueries(subject.clean.patterns(place.sequence), lost, subject.corpus.n_ctx)
    const known = lost ? undefined : subject.adjoints.get(keyOf(this.choice, place))
    const G = (known ?? adjoints(subject, place, this.asked, pattern)).slice(0, this.embeds.length)
    if (subject.model.residual) for (let axis = 0; axis < width; axis++) G[place.position * width + axis] -= w[axis]
    return G
  }

  private along(G: Float64Array): number[] {
    const { embeds, width } = this
    return Array.from({ length: embeds.length / width }, (_, at) => dot(G, embeds, at * width, at * width, width))
  }
}

function withoutQueries(pattern: Float64Array, queries: ReadonlySet<number>, n_ctx: number): Float64Array {
  return pattern.map((weight, at) => (queries.has(Math.floor(at / n_ctx) % n_ctx) ? 0 : weight))
}

function dot(one: Float64Array, other: Float64Array, start: number, otherStart: number, count: number): number {
  let sum = 0
  for (let at = 0; at < count; at++) sum += one[start + at] * other[otherStart + at]
  return sum
}

function alignedOf(here: Reading, there: Reading): Aligned {
  const { corpus, model, setting } = here.subject
  const of = [here, there].map(({ place }) => `${place.sequence} ${place.position}`)
  const ways = setting.once(`ways ${of.join(' to ')}`, () => alignments(corpus.tokens, here.place, there.place, model.causal))
  if (ways.length === 1) return { ways, way: 0 }
  const [mine, theirs] = [here.gives, there.gives]
  const lost = (gives: number[], at: readonly number[]) => at.reduce((sum, position) => sum + Math.abs(gives[position]), 0)
  return { ways, way: least(ways.map((way) => lost(mine, way.unpaired_a) + lost(theirs, way.unpaired_b))) }
}

function splitOf(here: Reading, there: Reading): Coding {
  const { ways, way } = alignedOf(here, there)
  const { pairs, unpaired_a, unpaired_b } = ways[way]
  const { width } = here
  // The flow of the one place with what is read in the other.
  let [hereThere, thereHere] = [0, 0]
  for (const [a, b] of pairs) {
    hereThere += dot(here.G, there.embeds, a * width, b * width, width)
    thereHere += dot(there.G, here.embeds, b * width, a * width, width)
  }
  const [own, others] = [here, there].map(({ gives }) => gives.reduce((sum, given) => sum + given, 0))
  return new Coding(
    (own - thereHere + hereThere - others) / 2,
    (own - hereThere + thereHere - others) / 2,
    here.direct - there.direct,
    here.through(new Set(unpaired_a)) + there.through(new Set(unpaired_b)),
  )
}
