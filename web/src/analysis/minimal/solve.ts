// All minimal sets of parts that suffice for one choice: by zero, and by resampling from every donor.

import { type Choice, nearestPlaces, type Place } from '../choice'
import { leadOf, TIE } from '../looking/predictions'
import type { Part } from '../part'
import { aligned } from '../parts/coding'
import type { Subject } from '../subject'
import { members, minimal } from './subsets'
import { type Counterparts, lastLayerFirst, type Scene, suffices } from './sufficiency'
import { largest, partsOf } from './tried'

export const ABLATIONS = ['zero', 'resample'] as const
export type Ablation = (typeof ABLATIONS)[number]

// The minimal sets of a prediction by one ablation.
export interface Sufficient {
  parts: Part[] // what was kept or taken away
  left: number // how many parts stayed as they are, as they give less
  sets: number[][] // every minimal set, as numbers of parts, the smallest first; none where the right tokens do not lead with all parts
  monotone: boolean // whether with a set that suffices every larger one does
}

// The minimal sets by each ablation; null by `resample` where no other place has an alternative. Yields the share of the work that is done.
//
// A set suffices when, every part outside it taken away, the right token leads at the choice's place and at each of its other places,
// where the same parts are kept: a part is a slot of the alignment (see data/alignment.ts), and what stands only in the other sentence
// stays. By zero what is taken away becomes zero. By resampling it becomes what it is at the other place, at the choice's place in turn
// from every donor (its other places, and the nearest places of every alternative), and at the other places from the choice's. All subsets
// are tried, up to 2¹⁶: of more parts, those that give most.
export function* solve(subject: Subject, choice: Choice): Generator<number, Record<Ablation, Sufficient | null>> {
  const { parts, gives } = partsOf(subject, choice)
  const some = lastLayerFirst(
    largest(gives).map((number) => parts[number]),
    subject.model.n_layers - 1,
  )
  const donors = donorsOf(subject, choice).map((place): Donor => {
    const { ways, way } = aligned(subject, choice, place)
    return { place, there: new Map(ways[way].pairs) }
  })
  const scenes = scenesOf(subject, choice, donors)
  const right = allRight(subject, choice)
  const found: Record<Ablation, Sufficient | null> = { zero: null, resample: null }
  for (const [nth, kind] of ABLATIONS.entries()) {
    const every = scenes[kind]
    if (!every) continue
    let table = new Uint8Array(1 << some.length) // none suffices where there is no right prediction to explain
    if (right) {
      const work = suffices(subject, every, some)
      let step = work.next()
      for (; !step.done; step = work.next()) yield (nth + step.value) / ABLATIONS.length
      table = step.value as typeof table
    }
    const { sets, monotone } = minimal(table)
    found[kind] = { parts: some, left: parts.length - some.length, sets: inOrder(sets.map(members)), monotone }
  }
  return found
}

interface Donor {
  place: Place
  there: Counterparts // of the positions of the choice's sentence
}

// The smallest first.
const inOrder = (sets: number[][]) => sets.sort((one, other) => one.length - other.length || compare(one, other))

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((number, nth) => number !== other[nth])
  return at < 0 ? 0 : one[at] - other[at]
}

// With all parts the right tokens lead at the choice's place and at its other places.
function allRight({ clean, corpus: { targets } }: Subject, { place, target, others }: Choice): boolean {
  const wanted = [{ ...place, target }, ...others.map((at) => ({ ...at, target: targets[at.sequence][at.position] }))]
  return wanted.every((at) => leadOf(clean.logits(at.sequence, at.position), at.target) > TIE)
}

// Where the right token must be predicted by each ablation that is possible.
function scenesOf({ corpus }: Subject, choice: Choice, donors: readonly Donor[]): Record<Ablation, Scene[] | null> {
  const itself: Counterparts = new Map(Array.from({ length: corpus.lengths[choice.place.sequence] }, (_, at) => [at, at]))
  const here: Scene = { place: choice.place, target: choice.target, at: itself }
  const others = choice.others.map((place): Scene => {
    const same = (donor: Donor) => donor.place.sequence === place.sequence && donor.place.position === place.position
    return { place, target: corpus.targets[place.sequence][place.position], at: donors.find(same)!.there }
  })
  const zero = [here, ...others]
  if (!donors.length) return { zero, resample: null }
  const hereFrom = donors.map(({ place, there }): Scene => ({ ...here, donor: place, there }))
  return { zero, resample: [...hereFrom, ...others.map((scene): Scene => ({ ...scene, donor: choice.place, there: itself }))] }
}

// The choice's other places and the nearest ones of every alternative, each once.
function donorsOf(subject: Subject, choice: Choice): Place[] {
  const every = [...choice.others, ...choice.alternatives.flatMap((token) => nearestPlaces(subject, choice.place, [token]))]
  return [...new Map(every.map((place) => [`${place.sequence} ${place.position}`, place])).values()]
}
