import { circuits, tablesOf } from '../../../src/analysis/looking/circuits'
import type { Table } from '../../../src/protocol'
import type { Twin } from '../twin'

const MOST_HEADS = 2

export function said({ subject }: Twin) {
  const { n_layers, n_heads } = subject.model
  const every = Array.from({ length: n_layers * n_heads }, (_, nth) => [Math.floor(nth / n_heads), nth % n_heads])
  return every.slice(-MOST_HEADS).map(([layer, head]) => {
    const tables = Object.entries(tablesOf(circuits(subject, layer, head)))
    return Object.fromEntries(tables.map(([name, table]) => [name, told(table)]))
  })
}

const told = ({ rows, columns, values }: Table) => ({ rows, columns, values: values.map((row) => row.slice(0, 4)) })
