// What a model is asked: token ids, what should come next at each place, and how much each place counts.

export const ABSENT = -1 // no token: padding; no target: nothing to predict

// [sequence][position], padded to the longest sequence; weights of targets in the loss Σ w·l / Σ w, 0 where there is none.
export interface Batch {
  tokens: readonly (readonly number[])[]
  targets: readonly (readonly number[])[]
  weights: readonly (readonly number[])[]
  lengths: readonly number[]
  d_vocab: number
  n_ctx: number
}

export interface Place {
  sequence: number
  position: number
}

export function padded(rows: readonly (readonly number[])[], padding = ABSENT): number[][] {
  const width = Math.max(...rows.map(({ length }) => length))
  return rows.map((row) => [...row, ...Array<number>(width - row.length).fill(padding)])
}

// What comes next, and at the end the first token, or none.
export function nextTokens(tokens: readonly (readonly number[])[], wrap: boolean): number[][] {
  return tokens.map((row) => {
    const length = row.filter((token) => token !== ABSENT).length
    return row.map((_, at) => (at < length - 1 ? row[at + 1] : at === length - 1 && wrap ? row[0] : ABSENT))
  })
}

export const onesAtTargets = (targets: readonly (readonly number[])[]) => targets.map((row) => row.map((id) => (id === ABSENT ? 0 : 1)))

export function placesWithTarget({ targets }: Batch): Place[] {
  return targets.flatMap((row, sequence) => row.flatMap((id, position) => (id === ABSENT ? [] : [{ sequence, position }])))
}

// The weights with the largest as 1, so that they can be added: equal ones are counted.
export function relativeWeights({ weights }: Batch): number[][] {
  let most = 0
  for (const row of weights) for (const weight of row) most = Math.max(most, weight)
  return weights.map((row) => row.map((weight) => weight / most))
}
