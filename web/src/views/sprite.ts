// Many patterns in one picture, one below the other: a page has one image to decode, and no canvas to compose.

import type { Numbers } from '../protocol'

export interface Sprite {
  url: string
  width: number
  side: number // of one pattern: rows
  pitch: number // from one pattern to the next
  height: number
}

// patterns: [run, sequence, query, key]; what is opaque in it, has the weight
export function sprite(patterns: Numbers): Sprite {
  const [runs, sequences, side] = patterns.shape
  const width = sequences * (side + 1) - 1
  const pitch = side + 1
  const height = runs * pitch - 1
  const canvas = Object.assign(document.createElement('canvas'), { width, height })
  const context = canvas.getContext('2d')!
  const image = context.createImageData(width, height)
  let from = 0
  for (let run = 0; run < runs; run++)
    for (let sequence = 0; sequence < sequences; sequence++)
      for (let query = 0; query < side; query++)
        for (let key = 0; key < side; key++)
          image.data[4 * ((run * pitch + query) * width + sequence * (side + 1) + key) + 3] = 255 * patterns.data[from++]
  context.putImageData(image, 0, 0)
  return { url: canvas.toDataURL(), width, side, pitch, height }
}
