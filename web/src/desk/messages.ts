// What the desk and its workers say to each other.

import type { Fields, Frame, Quantities, TrialOf } from '../protocol'

export type Kind = 'picture' | 'trial' | 'minimal' | 'why' | 'weights' | 'measured' | 'seeds' | 'counts' | 'sizes'

// Least first: a hand waits for it; it follows at once; it was asked for; nobody waits for it.
export const URGENCY: Record<Kind, number> = {
  ...{ picture: 0, trial: 0, why: 1, minimal: 2, weights: 2, measured: 2 },
  ...{ seeds: 3, counts: 4, sizes: 4 },
}
export const AT_HAND = 2 // up to this, whoever has the run that is shown does it
export const ALL = 9

// One training of many seeds at one head size, of those that the sizes are compared by.
export interface Unit {
  size: number
  first: number // seed
  count: number
}

export type Counted = object // what is found of a unit, plain data: work/ knows what

// Some of the seeds, or of those of a head size.
export interface Some {
  seeds: (number | string)[]
  unit?: Unit
  round?: number
}

// What was counted of the head sizes so far.
export interface Round {
  round: number
  counted: Counted[]
}

export interface Task {
  kind: Kind
  fields: Fields
  more?: TrialOf | Quantities | Some | Round
  tries?: number // that came to nothing
}

export type Load = { load: WebAssembly.Module | BufferSource }
// only: nothing less urgent than this is worked on until it is said again
export type Message = Load | ({ id: number } & Task) | { cancel: number } | { only: number } | { end: true }

export type Answer =
  | { ready: true } // the worker runs
  | { unread: true } // what was sent could not be read here
  | { id: number; share: number } // so much of it is done
  | { id: number; frame: Frame } // one of what comes of it
  | { id: number; counted: Counted }
  | { id: number; ended: true }
