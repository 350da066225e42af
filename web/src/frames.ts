// How a frame is written: a JSON header and named float32 arrays in one binary message (src/headlab/report/frames/wire.py).

import type { Frame, Numbers } from './protocol'

interface Header {
  kind: string
  id: number
  arrays: [name: string, shape: number[], kind?: string][]
  [name: string]: unknown
}

export const bytes = (base64: string) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))

export interface Decoded {
  kind: string
  id: number
  values: Record<string, unknown>
  arrays: Record<string, Numbers>
}

// What came, for whoever answers keeps to protocol.ts.
export const frameOf = (message: ArrayBuffer) => decode(message) as unknown as Frame

export function decode(message: ArrayBuffer): Decoded {
  const length = new DataView(message).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length))) as Header
  const { kind, id, arrays: described, ...values } = header
  const arrays: Record<string, Numbers> = {}
  let at = 4 + length
  for (const [name, shape, kind] of described) {
    const size = shape.reduce((product, side) => product * side, 1)
    const data =
      kind === 'share' ? Float32Array.from(new Uint8Array(message, at, size), (byte) => byte / 255) : new Float32Array(message, at, size)
    arrays[name] = { shape, data }
    at += kind === 'share' ? Math.ceil(size / 4) * 4 : 4 * size
  }
  return { kind, id, values, arrays }
}

// The numbers at the given leading indices: a view, not a copy.
export function numbersAt({ shape, data }: Numbers, ...indices: number[]): Numbers {
  let start = 0
  let size = data.length
  indices.forEach((index, axis) => {
    size /= shape[axis]
    start += index * size
  })
  return { shape: shape.slice(indices.length), data: data.subarray(start, start + size) }
}

export function rows({ shape, data }: Numbers): number[][] {
  const width = shape[shape.length - 1]
  return Array.from({ length: data.length / width }, (_, row) => Array.from(data.subarray(row * width, (row + 1) * width)))
}
