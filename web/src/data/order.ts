// The order in which tokens are trained: that in which they first appear, so that ids are a matter of display.

// The ids in the order in which they are trained: those of tokens, then those that only targets name, then those that never appear.
export function trainingOrder(tokens: readonly (readonly number[])[], targets: readonly (readonly number[])[], d_vocab: number): number[] {
  const seen = new Set<number>()
  for (const row of [...tokens, ...targets]) for (const id of row) if (id >= 0) seen.add(id)
  for (let id = 0; id < d_vocab; id++) seen.add(id)
  return [...seen]
}

// The place of every id in an order of them all.
export function inverse(order: readonly number[]): number[] {
  const places = new Array<number>(order.length)
  order.forEach((id, place) => (places[id] = place))
  return places
}
