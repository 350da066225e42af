// What a page carries: a run that is drawn before anything is trained, and what trains it again. A report, a notebook's view and the
// lab's own file are the same page, and carry it alike (src/headlab/report/html/embed.py writes it, too).

import { bytes, encode, frameOf } from './frames'
import type { Fields, Frame } from './protocol'

export const CARRIED = 'headlab-carried' // the id of the element that holds it

export interface Carried {
  numerics: number // of the kernel that trained it
  fields: Fields | null // settings that train it again, to the bit; null: settings alone cannot
  given?: string // its weights then, as the file that they are saved as, in base64
  frames: Frame[] // of its picture, its reasons, and many seeds
}

type Written = Omit<Carried, 'frames'> & { frames: string[] }

export function carriedBy(within: ParentNode): Carried | null {
  const text = within.querySelector(`#${CARRIED}`)?.textContent
  return text ? carriedIn(text) : null
}

export function carriedIn(text: string): Carried {
  const { frames, ...rest } = JSON.parse(text) as Written
  return { ...rest, frames: frames.map((frame) => frameOf(bytes(frame).buffer)) }
}

// As the content of a script that holds data: no text in it can end it, or begin a comment.
export function carriedText({ frames, ...rest }: Carried): string {
  const written: Written = { ...rest, frames: frames.map((frame) => base64(encode(frame))) }
  return JSON.stringify(written).replaceAll('<', '\\u003c')
}

export function base64(data: Uint8Array): string {
  let text = ''
  for (let at = 0; at < data.length; at += 4096) text += String.fromCharCode(...data.subarray(at, at + 4096))
  return btoa(text)
}
