// The course of one run: its curves, and at some moments where heads look and what is said. Of a recording as of what the page trains.

import { bytes } from '../frames'
import type { Curve, Example, HeldOut, Recording, Said } from './gallery'

export interface Moment {
  step: number
  patterns: Uint8Array // [example, layer, head, query, key], 255: all of the weight
  said: Said[][][] // [example][place with a target], the likeliest first
  right?: number // of all places with a target of all examples, where every one is looked at
}

export interface Course {
  recipe: string
  seed: number | null
  n_steps: number
  curve: Curve
  held_out: HeldOut | null
  n_layers: number
  n_heads: number
  roles: string[]
  roles_on?: string
  without?: string[]
  examples: Example[]
  each: number // steps whose mean a point of the curve is
  places: number // with a target, of all examples that are trained on
  moments: Moment[]
  ended: string // why there is no more of it; nothing where it ended as it should
}

export const courseOf = ({ moments, ...recording }: Recording): Course => ({
  ...recording,
  each: Math.max(1, Math.round((recording.curve.steps[1] ?? 0) - (recording.curve.steps[0] ?? 0))),
  places: 0,
  moments: moments.map(({ patterns, ...moment }) => ({ ...moment, patterns: bytes(patterns) })),
  ended: '',
})

// Where a head looks in an example at a moment, [query][key].
export function patternOf({ n_layers, n_heads, examples }: Course, { patterns }: Moment, example: number, layer: number, head: number) {
  const side = examples[example].tokens.length
  const from = ((example * n_layers + layer) * n_heads + head) * side * side
  return Array.from({ length: side }, (_, query) =>
    Array.from(patterns.subarray(from + query * side, from + (query + 1) * side), (byte) => byte / 255),
  )
}

// Of all heads, one after the other, as a sprite is made of them.
export function patternsOf({ n_layers, n_heads, examples }: Course, { patterns }: Moment, example: number) {
  const side = examples[example].tokens.length
  const size = n_layers * n_heads * side * side
  const data = Float32Array.from(patterns.subarray(example * size, (example + 1) * size), (byte) => byte / 255)
  return { shape: [n_layers * n_heads, 1, side, side], data }
}

// Of the places that have a target the one that looks furthest back; where there are no heads, the last one.
export function tellingPlace(course: Course, moment: Moment, example: number, layer: number, head: number): number {
  const places = placesOf(course.examples[example])
  if (!course.n_layers) return places.at(-1) ?? 0
  const pattern = patternOf(course, moment, example, layer, head)
  const back = (query: number) => pattern[query].reduce((sum, share, key) => sum + share * Math.abs(query - key), 0)
  return places.reduce((best, place) => (back(place) >= back(best) ? place : best), places[0] ?? 0)
}

// The places of an example that have a target, in order.
export const placesOf = ({ targets }: Example) => targets.flatMap((target, place) => (target === null ? [] : [place]))

// The moment that is nearest to a step.
export function nearest(moments: readonly Moment[], step: number): number {
  let best = 0
  moments.forEach((moment, at) => {
    if (Math.abs(moment.step - step) < Math.abs(moments[best].step - step)) best = at
  })
  return best
}

// What share is right, over steps: of what was held out, or of all places of what is trained on.
export function rightOf({ held_out, moments, places }: Course): { name: string; steps: number[]; share: (number | null)[] } | null {
  if (held_out) return { name: `right of held-out ${held_out.by}`, steps: held_out.steps, share: held_out.right }
  if (!places) return null
  const share = moments.map(({ right = 0 }) => right / places)
  return { name: 'right of all places', steps: moments.map(({ step }) => step), share }
}
