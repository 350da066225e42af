// What may be changed in a homework: everything that sets something asks here what comes of it.

import { OF_TEXT, seedOf, seedValue } from '../config/experiment'
import type { Fields, Value } from '../protocol'
import type { Rules } from '../state/experiment.svelte'
import type { Assignment, Variant } from './assignment'

const TEXT = ['task', ...OF_TEXT]
const FORK = ['fork', 'before'] // which would be other settings in the same run
const SIZES = [10, 40] // that are compared beside the lab

export class RulesOf implements Rules {
  private readonly fixed: Set<string>

  constructor(
    private readonly assignment: Assignment,
    private readonly variant: Variant,
  ) {
    const { fixed } = assignment
    const text = TEXT.some((name) => fixed.includes(name)) || Boolean(assignment.variants?.corpora)
    this.fixed = new Set([...fixed, ...FORK, ...(text ? TEXT : [])])
  }

  held = (wanted: Fields): Fields => {
    const { start, seeds } = this.variant
    const found = { ...wanted }
    for (const name of this.fixed) found[name] = start[name]
    for (const [name, [low, high]] of Object.entries(this.assignment.ranges)) {
      if (name === 'seed') found.seed = around(found.seed, [low, high], start.seed)
      else found[name] = typeof found[name] === 'number' ? Math.min(high, Math.max(low, found[name])) : start[name]
    }
    if (seeds && !this.fixed.has('seed')) found.seed = around(found.seed, seeds, start.seed)
    return found
  }

  locked = (name: string): boolean => this.fixed.has(name)

  hidden = (name: string): boolean => {
    const { hide, ranges, questions } = this.assignment
    if (name === 'trials') return hide.includes('why') && !questions.some(({ quantity }) => quantity?.name === 'flips')
    if (name === 'keep') return true // a file would hold what is hidden; what is handed in is saved elsewhere
    const [low, high] = ranges.d_head ?? [-Infinity, Infinity]
    if (name === 'sizes' && (this.locked('d_head') || low > SIZES[0] || high < SIZES[1])) return true
    return hide.includes(name)
  }

  // Between which seeds one may choose; null: any.
  get seeds(): readonly [number, number] | null {
    return this.variant.seeds ?? this.assignment.ranges.seed ?? null
  }

  allows(fields: Fields): boolean {
    const held = this.held(fields)
    return Object.keys(fields).every((name) => fields[name] === held[name])
  }
}

// Of the seeds that may be chosen, in a ring: the neighbour of the last one is the first, and a die falls among them.
function around(seed: Value, [first, last]: readonly [number, number], otherwise: Value): Value {
  const number = seedOf(seed)
  if (number === null) return otherwise
  const [low, count] = [BigInt(first), BigInt(last - first + 1)]
  if (number >= low && number < low + count) return seed
  return seedValue(low + ((((number - low) % count) + count) % count))
}
