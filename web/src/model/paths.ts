// Paths from an embedding through heads to the logits, and the features of the stream that a layer reads.

import type { ModelConfig } from '../config/model'

export type Head = readonly [layer: number, head: number]
export type Path = readonly Head[] // the heads it passes, the first layer first; [] is the direct path
export type Feature = 'token' | 'position' | Head // of an earlier head: what it wrote

type Shaped = Pick<ModelConfig, 'n_layers' | 'n_heads' | 'residual'>

// The paths through at most so many heads, those through the fewest first.
export function pathsOf({ n_layers, n_heads, residual }: Shaped, longest: number): Path[] {
  let found: Path[] = [[]]
  for (let layer = 0; layer < n_layers; layer++) {
    const through = found
      .filter((path) => path.length < longest)
      .flatMap((path) => Array.from({ length: n_heads }, (_, head): Path => [...path, [layer, head]]))
    found = residual ? [...found, ...through] : through
  }
  return found.sort((one, other) => one.length - other.length || inOrder(one, other))
}

function inOrder(one: Path, other: Path): number {
  for (let at = 0; at < one.length; at++) {
    const apart = one[at][0] - other[at][0] || one[at][1] - other[at][1]
    if (apart) return apart
  }
  return 0
}

// What adds up to the residual stream that a layer reads: token, position, and each earlier head.
export function featuresOf({ n_layers, n_heads, residual }: Shaped, layer = n_layers - 1): Feature[] {
  const first = residual ? 0 : Math.max(0, layer - 1)
  const heads = Array.from({ length: (layer - first) * n_heads }, (_, nth): Head => [first + Math.floor(nth / n_heads), nth % n_heads])
  return [...(residual || layer === 0 ? (['token', 'position'] as const) : []), ...heads]
}
