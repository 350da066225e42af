// From a record to clauses: what one run does at one place, nothing said that was not measured as the table says.
//
// What is said first matters most: `sentenceOf` leaves out the last clauses where there would be too many words.

import { rounded } from '../../notation/numbers'
import { Word } from '../part'
import { BIGRAM } from '../parts/mechanism'
import { LIMITS, TABLE, THRESHOLDS } from '../words'
import { Clause, type Named, restOf } from './clauses'
import type { RunRecord } from './record'

const { tie: TIE, hair: HAIR, main: MAIN, against: AGAINST, undoes: UNDOES } = THRESHOLDS
const NOTHING = TABLE.rounding.share.none // a smaller share is 0 %
const PARTS = ['pattern', 'value', 'direct'] as const

// Everything that may be said of one run at one place, what matters most first, each when it is asked for.
export function* clausesOf(record: RunRecord): Generator<Clause> {
  if (!record.finite) yield new Clause('diverged', {})
  else if (record.mechanism === BIGRAM) yield* bigram(record)
  else if (record.tied.length) yield* undecided(record)
  else {
    const right = record.predicted === record.target
    const [looked, given] = [lookedAt(record), givers(record)]
    const trials = trialsOf(record, looked, given)
    if (right) yield* caveats(record)
    else {
      yield* wrong(record)
      yield* alike(record)
    }
    yield* reason(record, looked, given)
    if (right) {
      yield* trials.slice(0, 1)
      yield* sets(record)
      yield* coding(record)
      yield* heads(record)
    }
    yield* trials.slice(right ? 1 : 0)
  }
}

const words = (tokens: readonly string[]) => tokens.map((token) => new Word(token))
const here = (record: RunRecord) => ({ token: record.spelled[record.place], target: new Word(record.target) })
const isRight = ({ predicted, target }: RunRecord) => predicted === target

function* bigram(record: RunRecord): Generator<Clause> {
  yield new Clause('bigram', { ...here(record), share: record.probability })
  yield* elsewhere(record)
  if (record.tied.length || !isRight(record)) {
    const predicted = record.tied.length ? record.tied : [record.predicted]
    yield new Clause('predicts', { predicted: words(predicted), share: record.predicted_probability })
  }
  yield new Clause('floor', { loss: record.loss, floor: record.bigram_floor })
}

function* undecided(record: RunRecord): Generator<Clause> {
  const { token } = here(record)
  yield new Clause('undecided', { token, tied: words(record.tied), share: record.predicted_probability })
  if (!record.tied.includes(record.target)) yield notTarget(record)
  yield* alike(record)
}

const notTarget = ({ target, probability }: RunRecord) => new Clause('not_target', { target: new Word(target), share: probability })

function* alike({ same }: RunRecord): Generator<Clause> {
  if (same) yield new Clause('alike', {})
}

function* wrong(record: RunRecord): Generator<Clause> {
  const told = { predicted: new Word(record.predicted), share: record.predicted_probability }
  yield new Clause('wrong', { token: here(record).token, ...told })
  yield notTarget(record)
}

// That it is right by a hair, and that the other place is not told apart.
function* caveats(record: RunRecord): Generator<Clause> {
  if (record.lead < HAIR) {
    const told = { share: record.probability, over: words(record.runners_up), lead: record.lead }
    yield new Clause('hair', { ...here(record), ...told })
    yield* elsewhere(record, 'hair_elsewhere')
    if (record.little) yield new Clause('little', {})
  }
  if (!record.right_there.length || record.other_difference < -TIE) return
  const pair = { target: new Word(record.target), rivals: words(record.rivals), right: words(record.right_there) }
  const kind = record.other_difference > TIE ? 'both_ways' : 'tied_there'
  yield new Clause(kind, { ...pair, here: record.difference, there: record.other_difference })
  yield* alike(record)
}

function* elsewhere(record: RunRecord, kind: 'elsewhere' | 'hair_elsewhere' = 'elsewhere'): Generator<Clause> {
  if (record.right_there.length) yield new Clause(kind, { share: record.other_probability, right: words(record.right_there) })
}

// Where it looks, and what gives the prediction; looked, given: numbers of parts.
function* reason(record: RunRecord, looked: number | null, given: readonly number[]): Generator<Clause> {
  yield* looks(record, looked)
  if (given.length) {
    const sign = record.difference > 0 ? 1 : -1
    const pair =
      sign < 0
        ? { target: new Word(record.rivals[0]), rivals: words([record.target]) }
        : { target: new Word(record.target), rivals: words(record.rivals) }
    const values = given.map((part) => sign * record.gives[part])
    const total = sign * record.difference
    const told = { ...pair, rest: restOf(total, values), total }
    if (looked !== null && given.length === 1 && given[0] === looked) {
      yield new Clause('gives_it', { source: record.named[looked], contribution: values[0], ...told })
    } else {
      if (looked !== null && !given.includes(looked)) {
        yield new Clause('adds', { source: record.named[looked], contribution: sign * record.gives[looked] })
      }
      const parts = given.map((part, number): [Named, number] => [record.named[part], values[number]])
      yield new Clause('gives', { parts, ...told })
    }
  }
  if (isRight(record) && record.difference - record.lead > TIE) {
    yield new Clause('nearer', { tokens: words(record.runners_up), lead: record.lead })
  }
}

function* looks(record: RunRecord, looked: number | null): Generator<Clause> {
  const { attention, tops, spelled } = record
  const who = (heads: number) => ({ heads, of: attention.length, last_layer: record.n_layers > 1 })
  const { token } = here(record)
  if (looked !== null) {
    const shares = attention.filter((_, head) => tops[head] === looked).map((row) => row[looked])
    yield new Clause('looks', { token, who: who(shares.length), source: record.named[looked], share: mean(shares) })
    return
  }
  const first = attention.map((row) => firstOf(row))
  if (!first.every((some) => some.join() === first[0].join())) return
  const share = mean(attention.flatMap((row) => first[0].map((key) => row[key])))
  yield new Clause('looks_equally', { token, who: who(attention.length), sources: first[0].map((key) => spelled[key]), share })
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

// Where a row is highest, to 1e-9.
export function firstOf(row: readonly number[]): number[] {
  const least = Math.max(...row) - TIE
  return [...row.keys()].filter((key) => row[key] >= least)
}

// What became of the prediction without what it looks at, and without what gives most.
function trialsOf(record: RunRecord, looked: number | null, given: readonly number[]): Clause[] {
  const most = given.slice(0, LIMITS.givers).filter((part) => part !== looked)
  return [...(looked === null ? [] : [looked]), ...most].map((number) => {
    const [part, predicts] = [record.named[number], record.otherwise[number]]
    if (!predicts) return new Clause(record.unchanged[number] ? 'changes_nothing' : 'flips_nothing', { part })
    const outcomes = byOutcome(predicts).map(([tokens, ablations]) => ({ tokens: words(tokens), ablations }))
    return new Clause('without', { part, outcomes })
  })
}

// What is predicted instead, each with the ablations that make it so.
export function byOutcome(predicts: Record<string, readonly string[]>): [string[], string[]][] {
  const found = new Map<string, [string[], string[]]>()
  for (const [kind, tokens] of Object.entries(predicts)) {
    const key = JSON.stringify(tokens)
    const known = found.get(key) ?? [[...tokens], []]
    known[1].push(kind)
    found.set(key, known)
  }
  return [...found.values()]
}

// How the difference between the places is coded, where there is one.
function* coding(record: RunRecord): Generator<Clause> {
  const { coding: split, other_difference, eye } = record
  if (split === null || !(other_difference < -TIE)) return
  const shares: Record<(typeof PARTS)[number], number | null> = {
    ...{ pattern: split.pattern_share, value: split.value_share, direct: split.direct_share },
  }
  const values = PARTS.map((name) => shares[name]!)
  if (!values.every(Number.isFinite)) {
    yield new Clause('not_compared', {})
    return
  }
  const most = PARTS[values.indexOf(Math.max(...values))]
  const named = { value: 'value_coded', pattern: 'pattern_coded', direct: 'position_coded' } as const
  const kind = Math.min(...values) < -AGAINST ? 'opposed' : shares[most]! >= MAIN ? named[most] : 'mixed'
  if ((kind === 'mixed' || kind === 'opposed') && Math.abs(split.direct_share) < NOTHING) shares.direct = null
  yield new Clause(kind, shares)
  if (eye === null || !(eye.undone >= UNDOES - TIE)) return // all together, and not only each alone
  const predicts = eye.flips ? words(eye.predicts) : null
  const every = eye.told()
  const draws = every.filter((item) => item.here)
  if (draws.length) yield new Clause('draws_here', { told: draws, undone: eye.undone, predicts })
  const there = every.filter((item) => !item.here)
  if (!there.length) return
  const alone = record.rivals.length === 1 && record.rivals.join('\n') === record.right_there.join('\n')
  yield new Clause('draws_there', { told: there, undone: eye.undone, predicts, right: alone ? new Word(record.rivals[0]) : null })
}

// How many explanations there are, once that is known.
function* sets(record: RunRecord): Generator<Clause> {
  const counted = Object.entries(record.sets).filter(([, [number]]) => number)
  if (!counted.length) return
  const [, tried, left] = counted[0][1]
  const told = left ? { tried, parts: tried + left } : { tried: null, parts: null }
  yield new Clause('sets', { sets: Object.fromEntries(counted.map(([kind, [number]]) => [kind, number])), ...told })
}

// Which heads are needed, where there are several.
function* heads({ named, otherwise }: RunRecord): Generator<Clause> {
  const every = [...named.keys()].filter((number) => named[number].part.kind === 'head')
  if (!every.length) return
  const needed = every.filter((head) => otherwise[head])
  if (!needed.length) yield new Clause('no_head_needed', {})
  else yield new Clause('needed', { heads: needed.map((head) => [named[head], Object.keys(otherwise[head]!)]) })
}

// The position that most heads of the last layer look at most, each at one more than at any other. Of sources with equally many heads,
// the one that gives most, then the one with the higher mean weight in these; of equal ones the nearest.
export function lookedAt(record: RunRecord): number | null {
  const sharesAt = new Map<number, number[]>()
  record.attention.forEach((row, head) => {
    const top = record.tops[head]
    if (top !== null) sharesAt.set(top, [...(sharesAt.get(top) ?? []), row[top]])
  })
  const sign = record.difference > 0 ? 1 : -1
  const rank = (position: number): number[] => {
    const shares = sharesAt.get(position)!
    const gives = rounded(sign * record.gives[position], 9)
    return [shares.length, gives, rounded(mean(shares), 9), -Math.abs(position - record.place), -position]
  }
  return [...sharesAt.keys()].reduce<number | null>(
    (best, position) => (best === null || isMore(rank(position), rank(best)) ? position : best),
    null,
  )
}

function isMore(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((value, number) => value !== other[number])
  return at >= 0 && one[at] > other[at]
}

// The numbers of the parts that give most, the largest first: the one that does, and all that give at least two thirds as much.
export function givers(record: RunRecord): number[] {
  const sign = record.difference > 0 ? 1 : -1
  const values = record.gives.map((value) => sign * value)
  const most = Math.max(0, ...values.filter(Number.isFinite))
  if (most <= TIE) return []
  const main = [...values.keys()].filter((part) => values[part] >= MAIN * most - TIE && values[part] <= most)
  return main.sort((one, other) => rounded(values[other], 9) - rounded(values[one], 9))
}
