// The search for the parts of scores that draw the eye, and for what earlier heads read to make them; see eye.ts.

import { sigmoid } from '../../model/outputs'
import type { Place } from '../choice'
import { Lazily } from '../lazily'
import { TIE } from '../looking/predictions'
import { LIMITS, THRESHOLDS } from '../words'
import { addScaled } from '../vectors'
import type { AlignedRows } from './aligned_rows'
import { Differences, readsOf } from './score_differences'

const { undoes: UNDOES, read: READ } = THRESHOLDS
export const EVERY = -1 // every feature, or every key

// Which part of a score; what is EVERY is every key or every feature.
interface Of {
  slot: number
  query: number // features, as numbers of `featuresOf`
  key: number
}

// A part of scores that is named.
export interface Named {
  key: number // the positions of its slot here and there
  otherKey: number
  queryFeature: number
  keyFeature: number
  here: boolean // it draws the eye here, else what stands there does so there
  alone: boolean // it is enough alone, else together with the other one that is named
  undone: number // which share of what the pattern makes is undone with it alone exchanged
  byQuery: number // how much of what it differs by is the query's, from 0 to 1 (of sizes); the rest is the key's
  queryRead: number[] // the positions that an earlier head that is one of the features read, in the sentence in which the eye is drawn
  keyRead: number[]
}

// Some parts of scores that may draw the eye, and by how much each is larger here than there.
abstract class Candidates extends Lazily {
  abstract readonly parts: readonly Of[]
  abstract readonly byQuery: Float64Array // [head, part]: what the query makes of the difference
  abstract readonly byKey: Float64Array // what the key makes of it

  constructor(
    protected readonly rows: AlignedRows,
    protected readonly differences: Differences,
  ) {
    super()
  }

  // What exchanging each part alone takes from what the pattern makes, [head, part].
  protected abstract takes(): Float64Array

  // By how much scores are lowered where some parts are exchanged, [head, slot].
  abstract lowered(parts: readonly number[]): Float64Array

  // By how much a part is larger here, [head, part].
  get total(): Float64Array {
    return this.once('total', () => this.byQuery.map((part, at) => part + this.byKey[at]))
  }

  get byHead(): Float64Array {
    return this.once('byHead', () => this.takes())
  }

  // Which share of what the pattern makes is undone with one part exchanged.
  get undone(): number[] {
    return this.once('undone', () => this.overHeads(this.byHead).map((taken) => taken / this.rows.makes))
  }

  // The numbers of those that are enough alone.
  get alone(): number[] {
    return this.once('alone', () => [...this.parts.keys()].filter((part) => isEnough(this.undone[part])))
  }

  // The two that best undo what the pattern makes, where they are enough; of equal ones those that change scores least.
  get together(): number[] {
    const { parts, total, rows } = this
    const { pattern, otherPattern, slots, heads } = rows
    const could = parts.map(({ slot }, part) => {
      let most = 0
      for (let head = 0; head < heads; head++) {
        const attention = Math.max(pattern[head * slots + slot], otherPattern[head * slots + slot])
        most = Math.max(most, Math.abs(total[head * parts.length + part]) * attention)
      }
      return most
    })
    const most = Math.min(LIMITS.together, could.filter((moves) => moves > 0).length)
    const first = [...parts.keys()].sort((one, other) => could[other] - could[one]).slice(0, most)
    const pairs = first.flatMap((one, at) => first.slice(at + 1).map((other) => [one, other]))
    if (!pairs.length) return []
    const lowered = new Float64Array(pairs.length * heads * slots)
    pairs.forEach((pair, nth) => lowered.set(this.lowered(pair), nth * heads * slots))
    const undone = rows.undone(lowered)
    const short = undone.map((share) => Math.abs(1 - share))
    const least = Math.min(...short) + TIE
    const size = this.overHeads(total.map(Math.abs))
    const best = [...pairs.keys()].filter((pair) => short[pair] <= least && isEnough(undone[pair]))
    const sizes = best.map((pair) => size[pairs[pair][0]] + size[pairs[pair][1]])
    const smallest = Math.min(...sizes) + TIE
    const named = new Set(best.filter((_, nth) => sizes[nth] <= smallest).flatMap((pair) => pairs[pair]))
    return [...parts.keys()].filter((part) => named.has(part))
  }

  named(parts: readonly number[]): Named[] {
    return parts.map((part) => {
      const { rows, byHead, byQuery, byKey, total } = this
      const of = (values: Float64Array, head: number) => values[head * this.parts.length + part]
      const moved = Array.from({ length: rows.heads }, (_, head) => Math.abs(of(byHead, head)))
      const most = Math.max(0, ...moved) - TIE
      const head = moved.findIndex((value) => value >= most)
      const [query, key] = [Math.abs(of(byQuery, head)), Math.abs(of(byKey, head))]
      const { slot, query: queryFeature, key: keyFeature } = this.parts[part]
      const here = of(total, head) > 0
      const at = here ? rows.keys : rows.otherKeys
      const read = (side: 'query' | 'key') =>
        this.read(side, part, parts)
          .map((slot) => at[slot])
          .sort((one, other) => one - other)
      return {
        ...{ key: slot === EVERY ? EVERY : rows.keys[slot], otherKey: slot === EVERY ? EVERY : rows.otherKeys[slot] },
        ...{ queryFeature, keyFeature, here, alone: this.alone.includes(part), undone: this.undone[part] },
        ...{ byQuery: query + key > 0 ? query / (query + key) : 0, queryRead: read('query'), keyRead: read('key') },
      }
    })
  }

  private overHeads(values: Float64Array): number[] {
    const n = this.parts.length
    return Array.from({ length: n }, (_, part) => {
      let sum = 0
      for (let at = part; at < values.length; at += n) sum += values[at]
      return sum
    })
  }

  // The slots that an earlier head read that matter: which undo at least 1/3 of what the part does, with those that it needs
  // exchanged, too.
  private read(side: 'query' | 'key', part: number, named: readonly number[]): number[] {
    const feature = this.parts[part][side]
    if (feature === EVERY || typeof this.differences.features[feature] === 'string') return []
    const { rows } = this
    const others = this.alone.includes(part) ? [] : named.filter((other) => other !== part)
    const [base, whole] = [this.lowered(others), this.lowered([...others, part])]
    const [[before], [after]] = [rows.undone(base), rows.undone(whole)]
    const cases = side === 'key' ? this.keyReads(part) : this.queryReads(part)
    return [...cases.keys()].filter((slot) => {
      const [undone] = rows.undone(addScaled(cases[slot], base, 1))
      return (undone - before) / (after - before) >= READ
    })
  }

  // By how much scores are lowered, [source][head, slot], when one thing read at the key is exchanged.
  private keyReads(part: number): Float64Array[] {
    const { slot, query, key } = this.parts[part]
    const { keys, otherKeys, heads, slots } = this.rows
    const scores = this.differences.withKeys(query === EVERY ? null : query, this.exchanged(key, keys[slot], otherKeys[slot]))
    return keys.map((_, source) => {
      const found = new Float64Array(heads * slots)
      for (let head = 0; head < heads; head++) found[head * slots + slot] = scores[head][source]
      return found
    })
  }

  // The same of what is read at the query.
  private queryReads(part: number): Float64Array[] {
    const { slot: only, query, key } = this.parts[part]
    const { here, there, heads, slots } = this.rows
    const n = this.differences.features.length
    const scores = this.differences.withQueries(this.exchanged(query, here.position, there.position)) // [head, slot, source, key feature]
    return Array.from({ length: slots }, (_, source) =>
      Float64Array.from({ length: heads * slots }, (_, at) => {
        if (only !== EVERY && at % slots !== only) return 0
        const parts = scores.subarray((at * slots + source) * n, (at * slots + source + 1) * n)
        return key === EVERY ? parts.reduce((sum, part) => sum + part, 0) : parts[key]
      }),
    )
  }

  // What a head read from each slot's position here less there.
  private exchanged(feature: number, mine: number, theirs: number): Float64Array[] {
    const { subject, here, there, keys, otherKeys } = this.rows
    const head = this.differences.features[feature]
    if (typeof head === 'string') return []
    const reads = ({ sequence }: Place, position: number, of: readonly number[]) => readsOf(subject, head, { sequence, position }, of)
    const others = reads(there, theirs, otherKeys)
    return reads(here, mine, keys).map((read, slot) => addScaled(read, others[slot], -1))
  }
}

// Features of the query with features of keys; of what is exchanged as one, all together.
class KeyCandidates extends Candidates {
  readonly parts: readonly Of[]
  readonly byQuery: Float64Array
  readonly byKey: Float64Array

  constructor(rows: AlignedRows, differences: Differences, every: { query?: boolean; key?: boolean } = {}) {
    super(rows, differences)
    const n = differences.features.length
    const each = (as?: boolean) => (as ? [EVERY] : Array.from({ length: n }, (_, feature) => feature))
    const slots = Array.from({ length: rows.slots }, (_, slot) => slot)
    this.parts = slots.flatMap((slot) => each(every.query).flatMap((query) => each(every.key).map((key) => ({ slot, query, key }))))
    const all = (of: number) => (of === EVERY ? each() : [of])
    const summed = (values: Float64Array) =>
      Float64Array.from({ length: rows.heads * this.parts.length }, (_, at) => {
        const { slot, query, key } = this.parts[at % this.parts.length]
        const start = (Math.floor(at / this.parts.length) * rows.slots + slot) * n * n
        let sum = 0
        for (const i of all(query)) for (const j of all(key)) sum += values[start + i * n + j]
        return sum
      })
    this.byQuery = summed(differences.byQuery)
    this.byKey = summed(differences.byKey)
  }

  protected takes(): Float64Array {
    const { rows, parts, total } = this
    const { slots, width, scores, pattern, value } = rows
    const { log, says } = rows.rest
    return total.map((larger, at) => {
      const [head, { slot }] = [Math.floor(at / parts.length), parts[at % parts.length]]
      const of = head * slots + slot
      const moved = sigmoid(scores[head * width + slot] - log[of] - larger)
      return (pattern[of] - moved) * (value[of] - says[of])
    })
  }

  lowered(parts: readonly number[]): Float64Array {
    const { heads, slots } = this.rows
    const found = new Float64Array(heads * slots)
    for (let head = 0; head < heads; head++)
      for (const part of parts) found[head * slots + this.parts[part].slot] += this.total[head * this.parts.length + part]
    return found
  }
}

// Features of the query, with every feature of every key.
class QueryCandidates extends Candidates {
  readonly parts: readonly Of[]
  readonly byQuery: Float64Array
  readonly byKey: Float64Array
  private readonly bySlot: Float64Array // [part, head, slot]: what the query makes of the difference at every slot

  constructor(rows: AlignedRows, differences: Differences) {
    super(rows, differences)
    const [n, { heads, slots }] = [differences.features.length, rows]
    this.parts = Array.from({ length: n }, (_, query) => ({ slot: EVERY, query, key: EVERY }))
    this.bySlot = Float64Array.from({ length: n * heads * slots }, (_, at) => {
      const [feature, start] = [Math.floor(at / (heads * slots)), (at % (heads * slots)) * n * n]
      return differences.byQuery.subarray(start + feature * n, start + (feature + 1) * n).reduce((sum, part) => sum + part, 0)
    })
    this.byQuery = Float64Array.from({ length: heads * n }, (_, at) => {
      const start = ((at % n) * heads + Math.floor(at / n)) * slots
      return this.bySlot.subarray(start, start + slots).reduce((most, part) => Math.max(most, Math.abs(part)), 0)
    })
    this.byKey = new Float64Array(heads * n)
  }

  protected takes(): Float64Array {
    const { heads, slots, width, pattern, value } = this.rows
    const [n, moved] = [this.parts.length, this.rows.moved(this.bySlot)] // [part, head, key]
    return Float64Array.from({ length: heads * n }, (_, at) => {
      const [part, head] = [at % n, Math.floor(at / n)]
      let sum = 0
      for (let slot = 0; slot < slots; slot++)
        sum += (pattern[head * slots + slot] - moved[(part * heads + head) * width + slot]) * value[head * slots + slot]
      return sum
    })
  }

  lowered(parts: readonly number[]): Float64Array {
    const size = this.rows.heads * this.rows.slots
    const found = new Float64Array(size)
    for (const part of parts) addScaled(found, this.bySlot.subarray(part * size, (part + 1) * size), 1)
    return found
  }
}

// What was found: the named parts, and by how much scores are lowered with all of them exchanged, [head, slot].
export interface Find {
  named: Named[]
  lowered: Float64Array
}

// What draws the eye, where something is found: the finest that is enough, alone before together.
//
// 1. one part (a feature of the query, with one of a key), 2. a feature of a key whatever the query, 3. a feature of the query whatever
// the keys, 4. two parts, 5. two features of keys, 6. one key with all that it is, 7. two keys
export function search(rows: AlignedRows): Find | null {
  const differences = new Differences(rows.subject, rows.here, rows.there, rows.alignment.pairs)
  const parts = new KeyCandidates(rows, differences)
  const keyFeatures = new KeyCandidates(rows, differences, { query: true })
  const keys = new KeyCandidates(rows, differences, { query: true, key: true })
  const tried: (() => [Candidates, readonly number[]])[] = [
    () => [parts, parts.alone],
    () => [keyFeatures, keyFeatures.alone],
    () => {
      const queries = new QueryCandidates(rows, differences)
      return [queries, queries.alone]
    },
    () => [parts, parts.together],
    () => [keyFeatures, keyFeatures.together],
    () => [keys, keys.alone],
    () => [keys, keys.together],
  ]
  for (const attempt of tried) {
    const [candidates, named] = attempt()
    if (named.length) return { named: candidates.named(named), lowered: candidates.lowered(named) }
  }
  return null
}

// From 2/3 to 4/3 of what the pattern makes is undone.
const isEnough = (undone: number) => Math.abs(1 - undone) <= 1 - UNDOES + TIE
