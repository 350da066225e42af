// The gallery as it is put into the page: every task with its text and numbers, and what there is to see of it
// (src/headlab/report/json/). Texts are made in Python, and laid out here.

import type { Value } from '../protocol'

const GALLERY = 'gallery' // the id of the element that holds it

export interface Gallery {
  headlab: string
  date: string
  machine: string
  tasks: Task[]
}

export interface Task {
  name: string
  title: string
  text: string[] // paragraphs
  source: string
  license: string
  badge: string
  date: string // of the badge
  machine?: string // on which it was run
  command?: string // for a shell
  live: boolean
  headline?: { metric: string; here: string; known: string } | null // its first number, in words
  recipes: Recipe[]
  problem?: Table // live
  recording?: Recording | null
}

export interface Recipe {
  name: string
  title: string
  words: string // layers, heads, parameters, training
  model: Record<string, unknown> // what is not as usual
  training: Record<string, unknown>
  references: Reference[]
  seeds: { seed: number; values: Record<string, number | null> }[]
  seconds: number | null
}

export interface Reference {
  metric: string
  kind: string | null // published, exact, measured; null: nothing is known
  value: number | null // here
  low: number | null
  high: number | null
  target: number | null
  tolerance: number | null
  source: string | null
  over: string
  seeds: number | null
  badge: string
  note: string
  known: string // in words: at least 0.9980; nothing where nothing is known
  here: string
  sentence: string
}

// What the kernel trains a task on, and how: settings as Python's records have them.
export interface Table {
  tokens: number[][] // -1: padding
  targets: number[][] // -1: none
  weights: number[][] | null // of the targets; null: all alike
  vocabulary: string[]
  outputs: string[] | null // what there is to predict; null: the vocabulary
  recipes: Record<string, { model: Record<string, Value>; training: Record<string, unknown>; seeds?: number[] }>
}

export interface Curve {
  steps: number[]
  loss: (number | null)[] // null: beyond all numbers
}

export interface HeldOut extends Curve {
  n_examples?: number
  right: (number | null)[] // shares
  by: 'places' | 'sequences'
}

export interface Example {
  tokens: string[]
  targets: (string | null)[]
}

export type Said = [label: string, share: number]

export interface Recording {
  recipe: string
  seed: number | null // null: its weights were set by hand
  n_steps: number
  curve: Curve
  held_out: HeldOut | null
  n_layers: number
  n_heads: number
  roles: string[]
  roles_on?: string // counted on which examples, in words
  without?: string[] // what is right with all heads, and without each
  examples: Example[]
  moments: { step: number; patterns: string; said: Said[][][] }[]
}

// The gallery in a document, or a sentence that says what is wrong.
export function galleryIn(document: Document): Gallery | string {
  const text = document.getElementById(GALLERY)?.textContent
  if (!text?.trim()) return 'No gallery is in this page: make one with "headlab tasks page".'
  try {
    return JSON.parse(text) as Gallery
  } catch {
    return 'The gallery in this page must be JSON, and cannot be read: make the page again with "headlab tasks page".'
  }
}

// What an address asks for behind its #: a task's name, and what of it: `#ioi&recipe=1L1H&seed=5`.
export function askedBy(hash: string): { name: string; recipe: string | null; seed: string | null } {
  const [name, ...given] = hash.replace(/^#/, '').split('&')
  const asked = new URLSearchParams(given.join('&'))
  return { name, recipe: asked.get('recipe'), seed: asked.get('seed') }
}
