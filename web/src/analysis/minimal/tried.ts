// Which parts are kept or taken away: edges into the place, edges of earlier layers, what passes the heads by.

import { visible } from '../../data/alignment'
import type { Choice } from '../choice'
import { type Part, partOf } from '../part'
import { readoutOf } from '../parts/contributions'
import { compared, edges } from '../parts/exact'
import type { Subject } from '../subject'
import { THRESHOLDS } from '../words'

export const MOST_PARTS = THRESHOLDS.tried // of more, those that give most

// The parts that a prediction can be made of, and what each gives to its logit difference.
//
// Of the last layer the edges into the place, a part a head and key; of earlier layers every edge, a part a layer, head, query and key;
// the direct paths of token and position, where the model has them. What an edge gives is seen through everything behind it, pattern held
// fixed; see `parts/contributions.ts`.
export function partsOf(subject: Subject, { place, target, rivals }: Choice): { parts: Part[]; gives: number[] } {
  const { corpus, model, params, problem } = subject
  const { d_model, n_ctx, d_vocab } = problem.shape
  const row = corpus.tokens[place.sequence]
  const through = edges(subject, place, compared(d_vocab, target, rivals))
  const [parts, gives]: [Part[], number[]] = [[], []]
  const seenFrom = (at: number) => [...Array(visible(row, at, model.causal)).keys()]
  for (let layer = model.n_layers - 1; layer >= 0; layer--)
    for (let head = 0; head < model.n_heads; head++)
      for (const query of layer === model.n_layers - 1 ? [place.position] : seenFrom(place.position))
        for (const key of seenFrom(query)) {
          parts.push(partOf('edge', { layer, head, query, position: key }))
          gives.push(through[((layer * model.n_heads + head) * n_ctx + query) * n_ctx + key])
        }
  const w = readoutOf(subject, target, rivals)
  const embeds = {
    'direct:token': embedding(params.W_E, row[place.position], d_model),
    'direct:position': undefined as Float64Array | undefined,
  }
  if (params.W_pos) embeds['direct:position'] = embedding(params.W_pos, place.position, d_model)
  for (const kind of ['direct:token', 'direct:position'] as const) {
    const embed = embeds[kind]
    if (!model.residual || !embed) continue
    parts.push(partOf(kind))
    gives.push(embed.reduce((sum, value, at) => sum + value * w[at], 0))
  }
  return { parts, gives }
}

// The numbers of the parts that give most, in order; all of them, where they are no more than `most`.
export function largest(gives: readonly number[], most = MOST_PARTS): number[] {
  const sizes = gives.map((value) => (Number.isNaN(value) ? -1 : Math.round(Math.abs(value) * 1e9))) // the last bits decide nothing
  const order = [...sizes.keys()].sort((one, other) => sizes[other] - sizes[one])
  return order.slice(0, most).sort((one, other) => one - other)
}

export const embedding = (table: Float64Array, row: number, width: number) => table.subarray(row * width, (row + 1) * width)
