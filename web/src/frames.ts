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

// A frame as it goes into a file, of which `decode` makes the same again: its numbers as float32, row-major.
export function encode({ kind, id, values, arrays }: Decoded | Frame): Uint8Array {
  const named = Object.entries(arrays)
  const described = named.map(([name, { shape }]) => [name, shape])
  const header = new TextEncoder().encode(JSON.stringify({ kind, id, ...values, arrays: described }))
  const start = 4 + Math.ceil(header.length / 4) * 4
  const message = new Uint8Array(named.reduce((size, [, { data }]) => size + 4 * data.length, start)).fill(0x20, 4, start)
  new DataView(message.buffer).setUint32(0, start - 4, true)
  message.set(header, 4)
  let at = start
  for (const [, { data }] of named) {
    new Float32Array(message.buffer, at, data.length).set(data)
    at += 4 * data.length
  }
  return message
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
