// What a step of a training takes at least, counted before it is begun; kernel/work.cpp counts the same, and more.

import { type Experiment, problemOf } from '../config/experiment'

export const SECONDS = { least: 0.05e-9, about: 0.2e-9 } // a multiply-add, on the fastest machine there may be and on a usual one

// Multiply-adds of one run, forward and back.
export function workOf(experiment: Pick<Experiment, 'corpus' | 'model' | 'training'>): number {
  const { corpus, model } = experiment
  const { d_model, d_head, d_vocab, n_layers, n_heads, unembed, causal } = problemOf(experiment).shape
  const { lengths, tokens } = corpus
  const rows = lengths.reduce((sum, length) => sum + length, 0)
  const alike = tokens.flatMap((row) => row.map((token, position) => (model.positions ? `${token} ${position}` : token)))
  const value = model.factored_values ? d_head : d_model
  const score = Math.min(d_head, d_model) // wide heads may be folded
  const looks = lengths.reduce((sum, length) => sum + length * (causal ? (length + 1) / 2 : length), 0) * (value + score)
  const factored = model.factored_values ? rows * d_model * d_head : 0
  let products = unembed ? rows * d_vocab * d_model : 0
  for (let layer = 0; layer < n_layers; layer++) {
    const inputs = layer ? rows : Math.min(rows, new Set(alike).size)
    products += n_heads * (inputs * d_model * (value + score) + looks + factored)
  }
  return 3 * products
}
