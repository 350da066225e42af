// Which positions of two places answer to each other, and which places are nearest in content; src/headlab/data/alignment.py says how.

import type { Place } from './batch'

const MOST_ALIGNMENTS = 32 // ways to leave out a surplus; of more, only the one that keeps what is nearest

type Tokens = readonly (readonly number[])[] // [sequence][position]; -1 is padding
type Pair = readonly [a: number, b: number]

// One way to compare two contexts, position by position: no position twice; unpaired: positions with no counterpart.
export interface Alignment {
  pairs: Pair[]
  unpaired_a: number[]
  unpaired_b: number[]
}

// How many positions are seen from one, from the first on: those up to it, or the whole sentence; padding never.
export const visible = (row: readonly number[], position: number, causal: boolean) =>
  causal ? position + 1 : row.filter((token) => token >= 0).length

// What is seen from a place, as one text that is equal for equal contexts: the position and the tokens.
export const context = (tokens: Tokens, { sequence, position }: Place, causal: boolean) =>
  `${position}: ${tokens[sequence].slice(0, visible(tokens[sequence], position, causal)).join(' ')}`

// The ways to pair what is seen from two places.
export function alignments(tokens: Tokens, placeA: Place, placeB: Place, causal: boolean): Alignment[] {
  const [here, there] = [placeA, placeB].map((place) => seenFrom(tokens, place, causal))
  const fixed: Pair[] = [[0, 0], ...pairEqual(here, there)]
  const [usedHere, usedThere] = [0, 1].map((side) => new Set(fixed.map((pair) => pair[side])))
  const [before, after] = [0, 1].map((side) =>
    ways(
      here.sides[side].filter((d) => !usedHere.has(d)),
      there.sides[side].filter((d) => !usedThere.has(d)),
    ),
  )
  const all = before.length * after.length <= MOST_ALIGNMENTS
  const every = all ? before.flatMap((some) => after.map((more) => [...some, ...more])) : [[...before[0], ...after[0]]]
  return every.map((pairs) => alignmentOf(here, there, [...fixed, ...pairs]))
}

// The candidates that are nearest to a place in content, in their order; several where several are equally near. Nearest are those in
// another sentence, else those of the same; of these those at the same position, else all; of these those with the fewest slots that
// differ. Sentences with the same tokens are the same sentence, and of candidates with the same context the first stands for all.
export function nearest(tokens: Tokens, place: Place, candidates: readonly Place[], causal: boolean): Place[] {
  const mine = tokens[place.sequence].join(' ')
  const other = fewest(candidates, ({ sequence }) => Number(tokens[sequence].join(' ') === mine))
  const level = fewest(other, ({ position }) => Number(position !== place.position))
  const first = new Map<string, Place>()
  for (const candidate of fewest(level, (one) => differing(tokens, place, one, causal))) {
    const seen = context(tokens, candidate, causal)
    if (!first.has(seen)) first.set(seen, candidate)
  }
  return [...first.values()]
}

// How many slots differ between two places: pairs of different tokens, and positions with no counterpart (see `alignments`, which all
// have equally many). What is paired as equal is settled by counts: on one side as many as both have, across it what both have left.
export function differing(tokens: Tokens, place: Place, candidate: Place, causal: boolean): number {
  const here = countsOf(tokens, place, causal)
  const there = countsOf(tokens, candidate, causal)
  let count = Number(tokens[place.sequence][place.position] !== tokens[candidate.sequence][candidate.position])
  for (const side of [0, 1]) {
    const paired = shared(here[side], there[side])
    const out = shared(left(here[side], there[side]), left(there[1 - side], here[1 - side]))
    const into = shared(left(here[1 - side], there[1 - side]), left(there[side], here[side]))
    count += Math.max(total(here[side]) - paired - out, total(there[side]) - paired - into)
  }
  return count
}

type Counts = Map<number, number> // how often each token stands there

function countsOf(tokens: Tokens, { sequence, position }: Place, causal: boolean): [before: Counts, after: Counts] {
  const counts: [Counts, Counts] = [new Map<number, number>(), new Map<number, number>()]
  const row = tokens[sequence]
  for (let at = 0; at < visible(row, position, causal); at++) {
    if (at === position) continue
    const side = counts[at < position ? 0 : 1]
    side.set(row[at], (side.get(row[at]) ?? 0) + 1)
  }
  return counts
}

const total = (counts: Counts) => [...counts.values()].reduce((sum, count) => sum + count, 0)
const shared = (one: Counts, other: Counts) => [...one].reduce((sum, [token, count]) => sum + Math.min(count, other.get(token) ?? 0), 0)
const left = (one: Counts, other: Counts): Counts =>
  new Map([...one].map(([token, count]) => [token, Math.max(0, count - (other.get(token) ?? 0))]))

function fewest<Item>(items: readonly Item[], measure: (item: Item) => number): Item[] {
  const measured = items.map(measure)
  const least = Math.min(...measured)
  return items.filter((_, nth) => measured[nth] === least)
}

// What is seen from a place, by distance from it: below 0 what stands before it; sides: the distances on both, the nearest first.
interface Seen {
  position: number
  tokens: Map<number, number>
  sides: [before: number[], after: number[]]
}

function seenFrom(tokens: Tokens, { sequence, position }: Place, causal: boolean): Seen {
  const row = tokens[sequence].slice(0, visible(tokens[sequence], position, causal))
  return {
    position,
    tokens: new Map(row.map((token, at) => [at - position, token])),
    sides: [row.slice(0, position).map((_, nth) => -1 - nth), row.slice(position + 1).map((_, nth) => 1 + nth)],
  }
}

function pairEqual(here: Seen, there: Seen): Pair[] {
  const pairs: Pair[] = [...here.tokens].flatMap(([d, token]) => (d !== 0 && there.tokens.get(d) === token ? [[d, d] as const] : []))
  const [usedHere, usedThere] = [new Set(pairs.map(([d]) => d)), new Set(pairs.map(([d]) => d))]
  for (const [mine, theirs] of [
    [0, 0],
    [1, 1],
    [0, 1],
    [1, 0],
  ]) {
    const waiting = new Map<number, number[]>() // of each token, the farthest first
    for (const d of [...there.sides[theirs]].reverse()) {
      const token = there.tokens.get(d)!
      if (!usedThere.has(d)) waiting.set(token, [...(waiting.get(token) ?? []), d])
    }
    for (const d of here.sides[mine]) {
      const other = usedHere.has(d) ? undefined : waiting.get(here.tokens.get(d)!)?.pop()
      if (other === undefined) continue
      pairs.push([d, other])
      usedHere.add(d)
      usedThere.add(other)
    }
  }
  return pairs
}

function ways(mine: readonly number[], theirs: readonly number[]): Pair[][] {
  const [fewer, more] = [Math.min(mine.length, theirs.length), Math.max(mine.length, theirs.length)]
  const kept = choose(more, fewer) > MOST_ALIGNMENTS ? [Array.from({ length: fewer }, (_, nth) => nth)] : combinations(more, fewer)
  if (mine.length === more) return kept.map((some) => some.map((at, nth) => [mine[at], theirs[nth]]))
  return kept.map((some) => some.map((at, nth) => [mine[nth], theirs[at]]))
}

// In how many ways some can be kept of all; beyond what is ever asked, some large number.
function choose(all: number, kept: number): number {
  let found = 1
  for (let n = 1; n <= Math.min(kept, all - kept); n++) found = (found * (all - n + 1)) / n
  return Math.round(found)
}

function combinations(all: number, kept: number, first = 0): number[][] {
  if (kept === 0) return [[]]
  const found: number[][] = []
  for (let at = first; at <= all - kept; at++) found.push(...combinations(all, kept - 1, at + 1).map((rest) => [at, ...rest]))
  return found
}

function alignmentOf(here: Seen, there: Seen, pairs: readonly Pair[]): Alignment {
  const ordered = (numbers: number[]) => numbers.sort((one, other) => one - other)
  const found = pairs.map(([a, b]): Pair => [a + here.position, b + there.position])
  const [unpaired_a, unpaired_b] = [here, there].map((seen, side) => {
    const used = new Set(pairs.map((pair) => pair[side]))
    return ordered([...seen.tokens.keys()].filter((d) => !used.has(d)).map((d) => d + seen.position))
  })
  return { pairs: found.sort((one, other) => one[0] - other[0] || one[1] - other[1]), unpaired_a, unpaired_b }
}
