// What is trained: the model's settings, and its shape on a corpus, in which every size is known.

import { problem, Problems } from '../errors'
import type { Shape } from '../kernel/asked'
import type { Fields } from '../protocol'
import { MODEL, problemsOf } from './table'

export interface ModelConfig {
  d_head: number
  n_heads: number
  n_layers: number
  d_model: number | null // that of the vocabulary
  factored_values: boolean
  unembed: boolean
  residual: boolean
  positions: boolean
  causal: boolean
  init_scale: number
}

export function modelOf(fields: Fields): ModelConfig {
  const problems = MODEL.flatMap((row) => problemsOf(row, fields[row.name]))
  if (!problems.length && fields.n_layers === 0 && !fields.unembed) {
    const wrong = 'n_layers must be at least 1 where there is no W_U, got 0: ask for unembed=True, or take a layer'
    problems.push(problem(wrong, 'n_layers'))
  }
  if (problems.length) throw new Problems(problems)
  return Object.fromEntries(MODEL.map(({ name }) => [name, fields[name]])) as unknown as ModelConfig
}

interface Sized {
  d_vocab: number
  n_ctx: number
}

export function shapeOn(model: ModelConfig, { d_vocab, n_ctx }: Sized): Shape {
  const { d_head, n_heads, n_layers, factored_values, unembed, residual, positions, causal } = model
  const d_model = model.d_model ?? d_vocab
  if (d_model !== d_vocab && !unembed) {
    const wrong =
      `d_model must equal d_vocab = ${d_vocab} when there is no W_U (the residual stream is the logits), ` +
      `got ${d_model}: leave d_model out, or ask for a learned unembedding with unembed=True`
    throw new Problems(problem(wrong, 'd_model'))
  }
  return { d_vocab, n_ctx, d_model, d_head, n_layers, n_heads, positions, residual, causal, factored_values, unembed }
}
