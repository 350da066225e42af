// Positions whose target the current token leaves open, and the token that settles it.

import { type Place, placesWithTarget } from './batch'
import type { Sight } from './sight'

// following: every target of this token in the corpus; alternatives: those of them that are not the target here
// settled_by: the nearest position that the model sees, earlier ones first, whose token decides the target; resolvable: whether all
// that the model sees decides it; is_answer: what settles it is the target itself, seen because the model has no causal mask
export interface Dependency {
  sequence: number
  position: number
  token: number
  target: number
  following: number[]
  alternatives: number[]
  settled_by: number | null
  settled_token: number | null
  resolvable: boolean
  is_answer: boolean
}

// The target of every state, or null where there are several.
export function onlyTargets(observed: Iterable<readonly [state: number, target: number]>): Map<number, number | null> {
  const known = new Map<number, number | null>()
  for (const [state, target] of observed) note(known, state, target)
  return known
}

function note(known: Map<number, number | null>, state: number, target: number) {
  const before = known.get(state)
  if (before === undefined) known.set(state, target)
  else if (before !== target) known.set(state, null)
}

// The positions whose target the current token leaves open, in order.
export function dependenciesOf(sight: Sight): Dependency[] {
  const { tokens, targets } = sight.batch
  const places = placesWithTarget(sight.batch)
  const following = new Map<number, Set<number>>()
  for (const { sequence, position } of places) {
    const token = tokens[sequence][position]
    following.set(token, (following.get(token) ?? new Set()).add(targets[sequence][position]))
  }
  const ordered = new Map([...following].map(([token, all]) => [token, [...all].sort((one, other) => one - other)]))
  const open = places.filter(({ sequence, position }) => ordered.get(tokens[sequence][position])!.length > 1)
  const settled = settledBy(
    sight,
    places,
    open.filter(({ sequence, position }) => sight.resolvable[sequence][position]),
  )
  return open.map(({ sequence, position }) => {
    const token = tokens[sequence][position]
    const target = targets[sequence][position]
    const all = ordered.get(token)!
    const settled_by = settled.get(`${sequence} ${position}`) ?? null
    const settled_token = settled_by === null ? null : tokens[sequence][settled_by]
    return {
      ...{ sequence, position, token, target, following: all, alternatives: all.filter((id) => id !== target) },
      ...{ settled_by, settled_token, resolvable: sight.resolvable[sequence][position] },
      is_answer: settled_by !== null && settled_by > position && settled_token === target,
    }
  })
}

// The nearest position whose token, wherever the two are seen together, goes with the same target.
function settledBy(sight: Sight, places: readonly Place[], wanted: readonly Place[]): Map<string, number> {
  const found = new Map<string, number>()
  const byState = (some: readonly Place[]) => {
    const groups = new Map<number, Place[]>()
    for (const place of some) {
      const state = sight.atFirst[place.sequence][place.position]
      const group = groups.get(state)
      if (group) group.push(place)
      else groups.set(state, [place])
    }
    return groups
  }
  const alike = byState(places)
  for (const [state, asked] of byState(wanted)) nearest(sight, asked, alike.get(state)!, found)
  return found
}

// With positions all these places stand at the same one: one other position after the other, as long as some are not settled. Without,
// a token counts wherever it is seen.
function nearest(sight: Sight, wanted: readonly Place[], alike: readonly Place[], found: Map<string, number>) {
  const { atFirst, batch, model } = sight
  const seen = ({ sequence, position }: Place, only: number | null) =>
    (only === null ? others(sight, position) : [only]).filter((other) => other < atFirst[sequence].length)
  let left = wanted
  for (const step of model.positions ? others(sight, wanted[0].position) : [null]) {
    const known = new Map<number, number | null>()
    for (const place of alike) {
      const target = batch.targets[place.sequence][place.position]
      for (const other of seen(place, step)) note(known, atFirst[place.sequence][other], target)
    }
    left = left.filter((place) => {
      const settling = seen(place, step).find((other) => known.get(atFirst[place.sequence][other]) !== null)
      if (settling !== undefined) found.set(`${place.sequence} ${place.position}`, settling)
      return settling === undefined
    })
    if (left.length === 0) break
  }
}

// The other positions that a place sees, in a sentence of any length: earlier ones first, the nearest first.
function others({ batch, model }: Sight, position: number): number[] {
  if (!model.n_layers) return []
  const earlier = Array.from({ length: position }, (_, nth) => position - 1 - nth)
  const later = model.causal ? [] : Array.from({ length: batch.n_ctx - position - 1 }, (_, nth) => position + 1 + nth)
  return [...earlier, ...later]
}
