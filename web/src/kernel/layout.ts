// The kernel's structs and constants as its compiler laid them out: kernel-lab.json was made with the module, and nothing here is
// counted by hand. The gallery has kernel.json in its place, which knows more words (web/vite.config.ts). Fields have the names of
// kernel/headlab.h.

import { constants, pages, structs } from '../../../src/headlab/engine/kernel-lab.json'
import type whole from '../../../src/headlab/engine/kernel.json'

export { constants }
export const NO_MEMORY = constants.HL_NO_MEMORY // the one sentence that is nobody's fault
export const MOST_BYTES = pages * 65536 // that the memory of an instance grows to
type Structs = (typeof whole)['structs']
export type Struct = keyof Structs
export type Field<S extends Struct> = keyof Structs[S]['fields'] & string
export type Value = number | bigint | boolean | readonly number[] | { readonly [name: string]: Value | undefined }
export type Values<S extends Struct> = { readonly [name in Field<S>]?: Value }

interface Place {
  type: string
  offset: number
  count?: number
}
interface Layout {
  size: number
  fields: Record<string, Place>
}

const layouts = structs as Record<string, Layout>

export type Real = Float32Array | Float64Array
export type Type = 'float32' | 'float64'
export const realOf = (type: Type) => (type === 'float64' ? Float64Array : Float32Array)

export const sizeOf = (struct: Struct) => layouts[struct].size

// The number of a word of headlab.h: of `adam`, HL_ADAM.
export function numberOf(word: string): number {
  const known = numbers.get(word)
  if (known !== undefined) return known
  const found = (constants as Record<string, number | string>)[`HL_${word.toUpperCase()}`]
  if (typeof found !== 'number') throw new RangeError(`the kernel must know the word, got ${word}`)
  numbers.set(word, found)
  return found
}

const numbers = new Map<string, number>()

// Into zeros: what is not given is 0, false or null.
export function write(view: DataView, at: number, struct: string, values: object) {
  const { fields } = layouts[struct]
  for (const name in values) {
    const value = (values as Record<string, Value | undefined>)[name]
    if (value === undefined) continue
    const place = fields[name]
    if (!place) throw new RangeError(`${struct} must have the field, got ${name}`)
    if (Array.isArray(value))
      value.forEach((number: number, nth) => put(view, at + place.offset + nth * width(place.type), place.type, number))
    else put(view, at + place.offset, place.type, value)
  }
}

function put(view: DataView, at: number, type: string, value: Value) {
  if (typeof value === 'object') write(view, at, type, value)
  else if (type === 'int64') view.setBigInt64(at, BigInt(value), true)
  else if (type === 'double') view.setFloat64(at, Number(value), true)
  else if (type === 'int32') view.setInt32(at, Number(value), true)
  else view.setUint32(at, Number(value), true) // uint32, pointer
}

const width = (type: string) => (type === 'int64' || type === 'double' ? 8 : 4)

// The numbers of a struct that has no others inside; of a field that is an array, a list.
export function read<S extends Struct>(
  view: DataView,
  at: number,
  struct: S,
): Record<Field<S>, number> & Record<string, number | number[]> {
  const found = Object.entries(layouts[struct].fields).map(([name, { type, offset, count }]) => {
    const numbers = Array.from({ length: count ?? 1 }, (_, nth) => get(view, at + offset + nth * width(type), type))
    return [name, count === undefined ? numbers[0] : numbers] as const
  })
  return Object.fromEntries(found) as ReturnType<typeof read<S>>
}

function get(view: DataView, at: number, type: string): number {
  if (type === 'int64') return Number(view.getBigInt64(at, true))
  if (type === 'double') return view.getFloat64(at, true)
  return type === 'int32' ? view.getInt32(at, true) : view.getUint32(at, true)
}
