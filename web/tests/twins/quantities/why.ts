import type { Table } from '../../../src/protocol'
import { whyOf } from '../../../src/work/why'
import type { Twin } from '../twin'

export function said({ recorded }: Twin) {
  const { values, arrays } = whyOf(recorded)
  if (values.none !== undefined) return values
  const moments = Object.entries(arrays).map(([way, { shape, data }]) => [way, some(data, shape)] as const)
  const { mechanism, meaning, dependencies, circuits } = values
  const shapes = Object.fromEntries(Object.entries(arrays).map(([way, { shape }]) => [way, shape]))
  return { mechanism, meaning, dependencies, circuits: circuits.map(firstRows), arrays: Object.fromEntries(moments), shapes }
}

const firstRows = (tables: Record<string, Table>) =>
  Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, { ...table, values: table.values.slice(0, 1) }]))

// At the first moment, one between, and the last, [moment][choice][part].
function some(data: Float64Array, [moments, choices, parts]: number[]) {
  return [0, Math.floor(moments / 2), moments - 1].map((moment) =>
    Array.from({ length: choices }, (_, choice) =>
      data.subarray((moment * choices + choice) * parts, (moment * choices + choice + 1) * parts),
    ),
  )
}
