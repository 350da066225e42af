// A head is two circuits: QK says where it looks, OV what it writes from there. As tables in words.

import type { Table } from '../../protocol'
import type { Subject } from '../subject'
import { product, transposed } from '../vectors'

type Side = 'token' | 'position'

export interface Circuits {
  // Entries add up to the score of query token@position and key token@position, scaled; rows are the query's side: `token–token`, …
  scores: Record<string, Table>
  // Logits: what the head writes when it looks there, by source `token` and `position`.
  writes: Record<string, Table>
}

// In layers after the first, where heads read more than embeddings, the parts that the embeddings contribute.
export function circuits(subject: Subject, layer: number, head: number): Circuits {
  const [at, number] = subject.layerAndHead(layer, head)
  const { params, corpus, problem } = subject
  const { d_model, d_head, n_ctx } = problem.shape
  const { W_E, W_pos, W_U } = params
  const sides: Partial<Record<Side, { rows: Float64Array; names: string[] }>> = { token: { rows: W_E, names: corpus.vocabulary } }
  if (W_pos)
    sides.position = { rows: W_pos.subarray(0, n_ctx * d_model), names: Array.from({ length: n_ctx }, (_, place) => String(place)) }
  const named = Object.entries(sides)
  const [queries, keys] = [params.W_Q(at, number), params.W_K(at, number)]
  const scale = 1 / Math.sqrt(d_head)
  const scores = named.flatMap(([query, one]) =>
    named.map(([key, other]) => {
      const [asks, answers] = [product(one.rows, queries, d_model), product(other.rows, keys, d_model)]
      const values = product(asks, transposed(answers, d_head), d_head).map((score) => score * scale)
      return [`${query}–${key}`, tableOf(one.names, other.names, values)] as const
    }),
  )
  const writes = named.map(([source, { rows, names }]) => {
    const [values, out] = [product(rows, params.W_V(at, number), d_model), params.W_O(at, number)]
    const written = out ? product(values, out, d_head) : values
    return [source, tableOf(names, corpus.vocabulary, W_U ? product(written, W_U, d_model) : written)] as const
  })
  return { scores: Object.fromEntries(scores), writes: Object.fromEntries(writes) }
}

// Scores and writes together, by name: `QK token–token`, …, `OV token`, ….
export function tablesOf({ scores, writes }: Circuits): Record<string, Table> {
  const named = (letters: string, tables: Record<string, Table>) =>
    Object.entries(tables).map(([name, table]) => [`${letters} ${name}`, table] as const)
  return Object.fromEntries([...named('QK', scores), ...named('OV', writes)])
}

function tableOf(rows: string[], columns: string[], values: Float64Array): Table {
  const width = columns.length
  return { rows, columns, values: rows.map((_, at) => Array.from(values.subarray(at * width, (at + 1) * width))) }
}
