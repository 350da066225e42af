// One instance of the module, and its memory. Memory grows, and views of it end then: they are taken anew whenever one is needed.

import { MOST_BYTES, NO_MEMORY, read, type Real, realOf, sizeOf, type Struct, type Type, type Values, write } from './layout'

export type Numbers = Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float32Array | Float64Array | Uint8Array
export type Maker<A extends Numbers> = { new (buffer: ArrayBuffer, offset: number, length: number): A; BYTES_PER_ELEMENT: number }
type Call = (...given: (number | bigint)[]) => number | bigint

export class Instance {
  private readonly calls: Record<string, Call>
  private readonly memory: WebAssembly.Memory
  gone = false // what was in it is lost

  constructor(module: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(module)
    this.calls = exports as Record<string, Call>
    this.memory = exports.memory as WebAssembly.Memory
    this.calls._initialize?.()
  }

  // What the module's function returns. Where it traps, what is in its memory is of no use any more.
  call(name: string, ...given: (number | bigint)[]): number {
    if (this.gone) throw new Error(NO_MEMORY)
    try {
      return Number(this.calls[name](...given))
    } catch (trap) {
      this.gone = true
      throw this.calls.hl_full() === 1 ? new Error(NO_MEMORY) : trap
    }
  }

  // Throws the sentence that a function says, where it says one.
  ask(name: string, ...given: (number | bigint)[]) {
    const wrong = this.call(name, ...given)
    if (wrong) throw this.failed(this.text(wrong))
  }

  take(bytes: number): number {
    const at = bytes < MOST_BYTES ? this.call('malloc', bytes || 1) >>> 0 : 0
    if (at === 0) throw this.failed(NO_MEMORY)
    return at
  }

  // An instance that is full stays as large as it is: another one takes its place.
  private failed(sentence: string): Error {
    this.gone ||= sentence === NO_MEMORY
    return new Error(sentence)
  }

  view() {
    return new DataView(this.memory.buffer)
  }

  bytes() {
    return new Uint8Array(this.memory.buffer)
  }

  text(at: number): string {
    const bytes = this.bytes()
    return new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)))
  }

  copy<A extends Numbers>(kind: Maker<A>, at: number, length: number): A {
    const from = new kind(this.memory.buffer, at, length)
    return from.slice() as A
  }
}

export interface Results<N extends string, W extends N> {
  at: Record<N, number>
  copies(): Record<W, Real>
}

// What a call, or a training, has of the memory until it is closed.
export class Room {
  private readonly taken: number[] = []
  open = true

  constructor(readonly instance: Instance) {}

  zeros(bytes: number): number {
    const at = this.own(bytes)
    this.instance.bytes().fill(0, at, at + bytes)
    return at
  }

  // Null where there is no array.
  array(given: Numbers | undefined): number {
    if (!given) return 0
    const at = this.own(given.byteLength)
    this.instance.bytes().set(new Uint8Array(given.buffer, given.byteOffset, given.byteLength), at)
    return at
  }

  // So many numbers, all the same.
  filled(kind: typeof Float32Array | typeof Float64Array, length: number, value: number): number {
    const at = this.own(length * kind.BYTES_PER_ELEMENT)
    new kind(this.instance.bytes().buffer, at, length).fill(value)
    return at
  }

  structs<S extends Struct>(struct: S, all: readonly Values<S>[]): number {
    const at = this.zeros(all.length * sizeOf(struct))
    all.forEach((values, nth) => write(this.instance.view(), at + nth * sizeOf(struct), struct, values))
    return at
  }

  struct<S extends Struct>(struct: S, values: Values<S>): number {
    return this.structs(struct, [values])
  }

  // What a function returns as a struct: through a pointer, its first argument.
  returned<S extends Struct>(struct: S, name: string, ...given: number[]) {
    const at = this.zeros(sizeOf(struct))
    this.instance.call(name, at, ...given)
    return read(this.instance.view(), at, struct)
  }

  // Room for those results that are wanted; null for the others.
  results<N extends string, W extends N>(type: Type, wanted: readonly W[], lengths: Record<N, number>): Results<N, W> {
    const real = realOf(type) as Maker<Float64Array>
    const at = {} as Record<N, number>
    for (const name in lengths) at[name] = 0
    for (const name of wanted) at[name] = this.zeros(real.BYTES_PER_ELEMENT * lengths[name])
    const copies = () => {
      const found = {} as Record<W, Real>
      for (const name of wanted) found[name] = this.instance.copy(real, at[name], lengths[name])
      return found
    }
    return { at, copies }
  }

  private own(bytes: number): number {
    const at = this.instance.take(bytes)
    this.taken.push(at)
    return at
  }

  close() {
    this.open = false
    for (const at of this.taken.splice(0)) if (!this.instance.gone) this.instance.call('free', at)
  }
}
