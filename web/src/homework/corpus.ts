// What can be chosen, of the sentences that a student's variant has.

import { experimentOf } from '../config/experiment'
import type { Fields } from '../protocol'
import type { Question, Variant } from './assignment'
import { DEFAULTS, QUANTITIES } from './table'

export interface Option {
  value: string | number
  text: string
}

export function optionsOf({ quantity }: Question, { start }: Variant): Option[] {
  if (!quantity) return []
  const { answer, options } = QUANTITIES[quantity.name]
  if (answer === 'option') return Object.entries(options ?? {}).map(([value, text]) => ({ value, text }))
  const { corpus, model } = experimentOf(start)
  if (answer === 'token') return corpus.vocabulary.map((token, at) => ({ value: token, text: corpus.labels[at] }))
  if (answer === 'position') {
    const words = corpus.sentences[(quantity.sentence ?? DEFAULTS.sentence!) - 1] ?? []
    const at = typeof quantity.word === 'number' ? quantity.word : words.indexOf(String(quantity.word))
    return words.slice(0, model.causal ? at + 1 : undefined).map((text, value) => ({ value, text }))
  }
  return Array.from({ length: model.n_layers * model.n_heads }, (_, nth) => {
    const value = `${Math.floor(nth / model.n_heads)}.${nth % model.n_heads}`
    return { value, text: `head ${value}` }
  })
}

// A run in words: its seed, and what else of it differs from what was begun with.
export function nameOfRun(address: string): string {
  const parts = [...new URLSearchParams(address)].map(([name, value]) =>
    name === 'text' ? 'other sentences' : `${name === 'task' && !value ? '' : `${name} `}${value}`,
  )
  return parts.filter(Boolean).join(', ')
}

export const wordsOf = (start: Fields, sequence: number): readonly string[] => experimentOf(start).corpus.sentences[sequence] ?? []
