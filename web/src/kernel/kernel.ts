// The kernel, compiled to WebAssembly: what it answers to what is asked, bit for bit what it answers natively. It throws the
// kernel's own sentences. Arrays come as copies, run after run, in C order and in the order of the vocabulary.

import {
  batchOf,
  type Case,
  casesIn,
  casesOfEach,
  checked,
  type Loss,
  type Position,
  type Problem,
  problemIn,
  type Recipe,
  recipeIn,
  sequencesOf,
  type Shape,
  shapeIn,
  type WeightName,
} from './asked'
import { Instance, Room } from './instance'
import { constants, numberOf, type Real, realOf, type Type } from './layout'

export interface Weight {
  name: WeightName
  start: number // of the flat weights
  axes: number[]
}

// What is known already: patterns [run, layer, head, sequence, query, key], and what heads write [..., position, d_model].
export interface Known {
  patterns?: Float64Array
  ofPlace?: boolean // patterns are those of the place's sequence alone, and have no such axis
  written?: Float64Array
}

export type Activation = 'resid' | 'q' | 'k' | 'v' | 'scores' | 'pattern' | 'z' | 'logits'
export type Gives = 'token' | 'position' | 'edge' | 'adjoint' | 'gradient' | 'total'
export const ACTIVATIONS: readonly Activation[] = ['resid', 'q', 'k', 'v', 'scores', 'pattern', 'z', 'logits']
export type Seeds = BigUint64Array | readonly (bigint | number)[]

export class Kernel {
  static readonly numerics = constants.HL_NUMERICS
  private instance?: Instance
  private readonly sizes = new WeakMap<Shape, number>()

  constructor(readonly module: WebAssembly.Module) {}

  static async of(bytes: BufferSource): Promise<Kernel> {
    return new Kernel(await WebAssembly.compile(bytes))
  }

  // Room in an instance; one that was full, or that trapped, is gone, and another takes its place.
  room(): Room {
    if (!this.instance || this.instance.gone) this.instance = new Instance(this.module)
    return new Room(this.instance)
  }

  // Shapes are never changed.
  size(shape: Shape): number {
    const known = this.sizes.get(shape) ?? this.within((room) => room.instance.call('hl_size', shapeIn(room, shape)))
    this.sizes.set(shape, known)
    return known
  }

  // Those that a model has, in flat order.
  weights(shape: Shape): Weight[] {
    return this.within((room) => {
      const at = shapeIn(room, shape)
      return Array.from({ length: constants.HL_WEIGHTS }, (_, nth) => {
        const { name, start, axes, n_axes } = room.returned('hl_weight', 'hl_weight_of', at, nth)
        return { name: room.instance.text(name) as WeightName, start, axes: (axes as unknown as number[]).slice(0, n_axes) }
      }).filter(({ axes }) => axes.length > 0)
    })
  }

  // The caller's id of each token as it is trained.
  order(problem: Problem): Int32Array {
    return this.within((room) => {
      const { d_vocab } = problem.shape
      const order = room.zeros(4 * d_vocab)
      this.check(room, problem)
      room.instance.call('hl_order', shapeIn(room, problem.shape), room.struct('hl_batch', batchOf(room, problem)), order)
      return room.instance.copy(Int32Array, order, d_vocab)
    })
  }

  // The caller's place of each flat weight as it is trained.
  places(problem: Problem): number[] {
    return this.within((room) => {
      const shape = shapeIn(room, problem.shape)
      const size = room.instance.call('hl_size', shape)
      const places = room.zeros(8 * size)
      this.check(room, problem)
      room.instance.call('hl_places', shape, room.struct('hl_batch', batchOf(room, problem)), places)
      return Array.from(room.instance.copy(BigInt64Array, places, size), Number)
    })
  }

  // The width that wide heads can be trained in; 0: their own alone.
  narrow(shape: Shape, { phases }: Recipe): number {
    return this.within((room) => room.instance.call('hl_narrow', shapeIn(room, shape), recipeIn(room, { phases })))
  }

  // How many numbers the optimizer remembers of a weight, at most.
  slots({ phases }: Recipe): number {
    return this.within((room) => room.instance.call('hl_slots', recipeIn(room, { phases })))
  }

  // The initial weights of each seed, from 0 to 2^64 - 1.
  initial(problem: Problem, seeds: Seeds, scale = 1): Real {
    return this.within((room) => {
      const given = seeds instanceof BigUint64Array ? seeds : BigUint64Array.from(seeds, BigInt)
      const made = room.results(problem.type, ['weights'], { weights: given.length * this.size(problem.shape) })
      room.instance.ask('hl_initial', problemIn(room, problem), scale, BigInt(given.length), room.array(given), made.at.weights)
      return made.copies().weights
    })
  }

  gradient(problem: Problem, loss: Loss, weights: Real): { losses: Real; gradient: Real } {
    return this.within((room) => {
      const runs = this.runsOf(problem, weights)
      const made = room.results(problem.type, ['losses', 'gradient'], { losses: runs, gradient: weights.length })
      const [given, { losses, gradient }] = [room.array(weights), made.at]
      room.instance.ask('hl_gradient', problemIn(room, problem), numberOf(loss), BigInt(runs), given, losses, gradient)
      return made.copies()
    })
  }

  // Flat weights of heads as wide as the model's, of those that were trained narrow.
  widen(problem: Problem, basis: Real, narrow: Real): Real {
    return this.within((room) => {
      const { shape, type } = problem
      const { d_model, d_head, n_layers, n_heads } = shape
      const runs = narrow.length / this.size({ ...shape, d_head: 2 * d_model })
      checked('basis', basis, runs * n_layers * n_heads * d_head * 2 * d_model)
      const made = room.results(type, ['wide'], { wide: runs * this.size(shape) })
      room.instance.ask('hl_widen', problemIn(room, problem), BigInt(runs), room.array(basis), room.array(narrow), made.at.wide)
      return made.copies().wide
    })
  }

  // Logits [run, case, (n_ctx,) d_vocab], what is read [run, read, d_vocab], and patterns [run, case, layer, head, n_ctx, n_ctx]. Where
  // patterns are wanted, logits at one position may have other last bits, here as natively.
  look<W extends 'logits' | 'reads' | 'pattern'>(problem: Problem, weights: Real, cases: readonly Case[], wanted: readonly W[]) {
    return this.within((room) => {
      const { n_ctx, d_vocab, n_layers, n_heads } = problem.shape
      const runs = this.runsOf(problem, weights)
      const reads = cases.reduce((sum, one) => sum + (one.reads?.length ?? 0), 0)
      const made = room.results(problem.type, wanted, {
        logits: runs * cases.length * (cases[0]?.at === undefined ? n_ctx : 1) * d_vocab,
        reads: runs * reads * d_vocab,
        pattern: runs * cases.length * n_layers * n_heads * n_ctx * n_ctx,
      })
      const [given, asked] = [room.array(weights), casesIn(room, cases, n_ctx)]
      const { logits, reads: read, pattern } = made.at
      room.instance.ask('hl_look', problemIn(room, problem), BigInt(runs), given, cases.length, asked, logits, read, pattern)
      return made.copies()
    })
  }

  // Logits [run, case, d_vocab] of one case with some of its edits made in turn, by their numbers, and what is read then
  // [run, case, read, d_vocab].
  lookEach(problem: Problem, weights: Float64Array, one: Case, made: readonly (readonly number[])[]) {
    return this.within((room) => {
      const { n_ctx, d_vocab } = problem.shape
      const numbers = this.runsOf(problem, weights) * made.length * d_vocab
      const lengths = { logits: numbers, reads: numbers * (one.reads?.length ?? 0) }
      const found = room.results(problem.type, ['logits', 'reads'] as const, lengths)
      const runs = BigInt(this.runsOf(problem, weights))
      const [given, asked] = [room.array(weights), casesOfEach(room, one, made, n_ctx)]
      room.instance.ask('hl_look', problemIn(room, problem), runs, given, made.length, asked, found.at.logits, found.at.reads, 0)
      return found.copies() as Record<'logits' | 'reads', Float64Array>
    })
  }

  // What is computed on every sequence when nobody intervenes: resid [run, layers + 1, sequence, n_ctx, d_model], before each layer and
  // after the last; q, k, v, z [run, layer, head, sequence, n_ctx, width], z as the head writes it; scores, with their scale, and pattern
  // [run, layer, head, sequence, query, key]; logits [run, sequence, n_ctx, d_vocab]. 0 at padding, and at keys out of sight.
  activations<W extends Activation>(problem: Problem, weights: Real, wanted: readonly W[] = ACTIVATIONS as readonly W[]) {
    return this.within((room) => {
      const { shape, type } = problem
      const { n_ctx, d_model, d_head, n_layers, n_heads } = shape
      const runs = this.runsOf(problem, weights)
      const rows = runs * sequencesOf(problem) * n_ctx
      const ofHeads = rows * n_layers * n_heads
      const made = room.results(type, wanted, {
        ...{ resid: rows * (n_layers + 1) * d_model, logits: rows * shape.d_vocab },
        ...{ q: ofHeads * d_head, k: ofHeads * d_head, v: ofHeads * (shape.factored_values ? d_head : d_model) },
        ...{ scores: ofHeads * n_ctx, pattern: ofHeads * n_ctx, z: ofHeads * d_model },
      })
      const [given, computes] = [room.array(weights), room.struct('hl_computes', made.at)]
      room.instance.ask('hl_activations', problemIn(room, problem), BigInt(runs), given, computes)
      return made.copies()
    })
  }

  // Of rows of so many numbers: exp(x) / sum of each.
  softmax(rows: Float64Array, width: number): Float64Array {
    return this.within((room) => {
      if (!rows.length) return new Float64Array(0)
      if (!Number.isInteger(rows.length / width)) throw new RangeError(`rows must be whole, each of ${width} numbers`)
      const made = room.results('float64', ['shares'], { shares: rows.length })
      room.instance.call('hl_softmax', BigInt(rows.length / width), width, room.array(rows), made.at.shares)
      return made.copies().shares as Float64Array
    })
  }

  // Natural logarithms.
  log(numbers: Float64Array): Float64Array {
    return this.within((room) => {
      const made = room.results('float64', ['logarithms'], { logarithms: numbers.length })
      room.instance.call('hl_log', BigInt(numbers.length), room.array(numbers), made.at.logarithms)
      return made.copies().logarithms as Float64Array
    })
  }

  // Of logits · readout at a place: what starts give along paths, each a head a layer, or -1 past it [run, path, n_ctx]; what is read
  // along edges [run, layer, head, n_ctx, n_ctx]; of streams [run, layers + 1, n_ctx, d_model] adjoint and gradient; and it itself.
  parts<W extends Gives>(
    problem: Problem,
    weights: Float64Array,
    place: Position,
    readout: Float64Array,
    wanted: readonly W[],
    paths: readonly (readonly number[])[] = [],
    known: Known = {},
  ) {
    return this.within((room) => {
      const { shape } = problem
      const { n_ctx, n_layers, n_heads, d_model } = shape
      const runs = this.runsOf(problem, weights)
      const streams = runs * (n_layers + 1) * n_ctx * d_model
      checked('readout', readout, shape.d_vocab)
      for (const path of paths) checked('a path', path, n_layers)
      const made = room.results('float64', wanted, {
        ...{ token: runs * paths.length * n_ctx, position: runs * paths.length * n_ctx },
        ...{ edge: runs * n_layers * n_heads * n_ctx * n_ctx, adjoint: streams, gradient: streams, total: runs },
      })
      const [given, held] = [room.array(weights), this.knownIn(room, problem, known, runs, n_layers)]
      const at = [room.struct('hl_place', { ...place }), room.array(readout)]
      const along = [paths.length, room.array(Int32Array.from(paths.flat())), room.struct('hl_gives', made.at)]
      room.instance.ask('hl_parts', problemIn(room, problem), BigInt(runs), given, held, ...at, ...along)
      return made.copies() as Record<W, Float64Array>
    })
  }

  features(shape: Shape, layer: number): number {
    return this.within((room) => room.instance.call('hl_features', shapeIn(room, shape), layer))
  }

  // Parts of a layer's scores [run, head, query, key, query feature, key feature].
  scoreParts(
    problem: Problem,
    weights: Float64Array,
    layer: number,
    queries: readonly Position[],
    keys: readonly Position[],
    known: Known = {},
  ): Float64Array {
    return this.within((room) => {
      const { shape } = problem
      const runs = this.runsOf(problem, weights)
      if (layer < 0 || layer >= shape.n_layers) throw new RangeError('the layer must be one that the model has')
      const numbers = runs * shape.n_heads * queries.length * keys.length * this.features(shape, layer) ** 2
      const made = room.results('float64', ['parts'], { parts: numbers })
      const [given, held] = [room.array(weights), this.knownIn(room, problem, known, runs, layer)]
      const places = [queries, keys].flatMap((of) => [of.length, room.structs('hl_place', of as { sequence: number; at: number }[])])
      room.instance.ask('hl_score_parts', problemIn(room, problem), BigInt(runs), given, held, layer, ...places, made.at.parts)
      return made.copies().parts as Float64Array
    })
  }

  // How many runs are worked on at once.
  lanes(type: Type): number {
    return this.within((room) => room.instance.call('hl_lanes', 0, numberOf(type)))
  }

  sha256(bytes: Uint8Array): string {
    return this.within((room) => {
      const hex = room.zeros(65)
      room.instance.call('hl_sha256', room.array(bytes), BigInt(bytes.length), hex)
      return room.instance.text(hex)
    })
  }

  // For functions that trust their caller.
  private check(room: Room, problem: Problem) {
    room.instance.ask('hl_initial', problemIn(room, problem), 1, 0n, 0, 0)
  }

  private within<T>(work: (room: Room) => T): T {
    const room = this.room()
    try {
      return work(room)
    } finally {
      room.close()
    }
  }

  private runsOf({ shape, type }: Problem, weights: Real): number {
    const runs = weights.length / this.size(shape)
    if (!Number.isInteger(runs) || !(weights instanceof realOf(type)))
      throw new RangeError(`weights must be those of whole runs, in ${type}`)
    return runs
  }

  // Of so many layers.
  private knownIn(room: Room, problem: Problem, known: Known, runs: number, layers: number): number {
    const { patterns, written, ofPlace } = known
    if (!patterns && !written) return 0
    const { n_heads, n_ctx, d_model } = problem.shape
    const sequences = ofPlace ? 1 : sequencesOf(problem)
    const run = layers * n_heads * sequences
    if (ofPlace && written) throw new RangeError('what is written must be left out where patterns are of one sequence')
    checked('patterns', patterns, runs * run * n_ctx * n_ctx)
    checked('what is written', written, runs * run * n_ctx * d_model)
    const at = { patterns: room.array(patterns), written: room.array(written) }
    return room.struct('hl_known', { ...at, run, head: sequences, sequence: ofPlace ? 0 : 1 })
  }
}
