// A training: runs from where they are to where their recipe ends, a few milliseconds at a time. Nothing depends on how it is cut.

import { checked, type Problem, problemIn, type Recipe, recipeIn } from './asked'
import type { Maker, Numbers, Room } from './instance'
import type { Kernel } from './kernel'
import { constants, read, type Real, realOf, sizeOf } from './layout'

// What runs go on from, with the weights it came with and an optimizer of the same kind.
export interface State {
  rate: Real // [run] of the next step
  best: Real // [run] the plateau's best loss
  wait: BigInt64Array // [run] steps since then
  cooldown: BigInt64Array // [run] until it looks again
  slots: Real // [run, slot, weight as trained]: what the optimizer remembers
  narrow?: Real // [run, 2, block, d_model, width]: wide heads as they are trained
  basis?: Real // [run, block, d_head, width]
}

export interface Trained extends State {
  weights: Real // [run, weight]
  losses: Real // [run, recorded step]
  rates: Real
  final_loss: Real // [run]
  snapshots: Real // [run, snapshot, weight]
  outcome: BigInt64Array // [run] FINISHED, NOT_ENDED, or the step at which it diverged
}

export type Progress = ReturnType<typeof read<'hl_progress'>>

export const FINISHED = BigInt(constants.HL_FINISHED)
export const NOT_ENDED = BigInt(constants.HL_NOT_ENDED)
const TURNED_AT_ONCE = 1 << 18 // numbers, of the bases with which snapshots are turned
const FIRST_STRETCH = 8 // steps, before it is known how long one takes

interface Place {
  name: string
  kind: Maker<Numbers>
  at: number
  length: number
}

type Start = State & { weights: Real; outcome: BigInt64Array }
type Results = Record<'losses' | 'rates' | 'final_loss' | 'snapshots', number> // how many numbers

export class Training {
  private readonly room: Room
  private readonly places: Place[]
  private readonly handle: number
  private readonly progress: number
  private stretch = FIRST_STRETCH // how many steps an advance goes
  private spent = 0 // milliseconds that so many groups took for them
  private groups = 0
  private waiting = false

  // weights [run, weight] stay as they are, and so does the state that an earlier training left with them.
  // optimizer_step: how many steps the slots of that state have seen
  constructor(
    private readonly kernel: Kernel,
    private readonly problem: Problem,
    private readonly recipe: Recipe,
    private readonly weights: Real,
    state?: State,
    optimizer_step = 0,
  ) {
    const start = startOf(kernel, problem, recipe, weights, state, optimizer_step)
    const real = realOf(problem.type)
    const runs = start.rate.length
    const records = runs * (recipe.recorded?.length ?? 0)
    const trained = start.basis ? kernel.size({ ...problem.shape, d_head: 2 * problem.shape.d_model }) : kernel.size(problem.shape)
    const snapshots = runs * trained * (recipe.snapshots?.length ?? 0)
    const results: Results = { losses: records, rates: records, final_loss: runs, snapshots }
    const room = (this.room = kernel.room())
    try {
      const { instance } = room
      this.places = Object.entries<Numbers | undefined>({ ...start }).flatMap(([name, array]) =>
        array ? [{ name, kind: array.constructor as Maker<Numbers>, at: room.array(array), length: array.length }] : [],
      )
      const unknown = Object.entries(results).map(([name, length]) => ({
        name,
        kind: real,
        at: room.filled(real, length, NaN),
        length,
      }))
      this.places.push(...unknown)
      const at = Object.fromEntries(this.places.map((place) => [place.name, place.at]))
      const given = room.struct('hl_runs', { ...at, n_runs: runs, turned: !!start.basis && start.basis === state?.basis })
      this.progress = room.zeros(sizeOf('hl_progress'))
      const handle = room.zeros(4)
      instance.ask('hl_begin', problemIn(room, problem), recipeIn(room, recipe, optimizer_step), given, handle)
      this.handle = instance.view().getUint32(handle, true)
    } catch (error) {
      room.close()
      throw error
    }
  }

  // Begins to advance all runs by so many steps at most.
  advance(steps: number) {
    this.room.instance.call('hl_advance', this.handle, BigInt(steps))
    this.waiting = true
  }

  // Works on one group of runs; whether all have advanced.
  wait(): boolean {
    this.waiting = this.room.instance.call('hl_wait', this.handle, 0) === 0
    return !this.waiting
  }

  // Works for about so many milliseconds, on one group at least; whether all runs have ended.
  work(milliseconds: number): boolean {
    const until = performance.now() + milliseconds
    do {
      if (!this.waiting) this.advance(this.stretch)
      const began = performance.now()
      const advanced = this.wait()
      this.spent += performance.now() - began
      this.groups++
      if (advanced) this.fit(milliseconds)
    } while (!this.read().ended && performance.now() < until)
    return this.read().ended === 1
  }

  // The next stretch takes a group a quarter to a half of a call: on the mean, as of many groups one is always held up by something else.
  private fit(milliseconds: number) {
    const each = this.spent / this.groups
    if (each < milliseconds / 4) this.stretch = Math.min(2 * this.stretch, 2 ** 40)
    if (each > milliseconds / 2) this.stretch = Math.max(1, Math.floor(this.stretch / 2))
    this.spent = this.groups = 0
  }

  read(): Progress {
    this.room.instance.call('hl_read', this.progress, this.handle)
    return read(this.room.instance.view(), this.progress, 'hl_progress')
  }

  // Everything as it is where all runs have advanced to; NaN where nothing is known yet.
  take(): Trained {
    const copied = this.places.map(({ name, kind, at, length }) => [name, this.room.instance.copy(kind, at, length)])
    const trained = Object.fromEntries(copied) as Trained
    return trained.basis ? { ...trained, snapshots: this.widened(trained, trained.basis) } : trained
  }

  // Snapshots of heads that are trained narrow, in their own width; as they were given before the first step, and where that was the last.
  private widened({ snapshots, outcome }: Trained, basis: Real): Real {
    const { kernel, problem, weights } = this
    const [runs, steps, known] = [outcome.length, this.recipe.snapshots ?? [], this.read().n_snapshots]
    const [wide, size] = [inFull(kernel, problem, runs, snapshots, basis), kernel.size(problem.shape)]
    for (let run = 0; run < runs; run++) {
      const given = weights.subarray(run * size, (run + 1) * size)
      for (let nth = 0; nth < known; nth++) {
        if (steps[nth] === 0 || outcome[run] === 0n) wide.set(given, (run * steps.length + nth) * size)
      }
    }
    return wide
  }

  // Gives its memory back, at any time and once; runs that have not ended are nowhere then.
  end() {
    if (!this.room.instance.gone && this.room.open) this.room.instance.call('hl_end', this.handle)
    this.room.close()
  }
}

// What a training begins with, in arrays of its own. Wide heads are turned into a narrow width where that can be done, and where the
// optimizer remembers nothing of them in their own.
function startOf(kernel: Kernel, problem: Problem, recipe: Recipe, weights: Real, state: State | undefined, seen: number): Start {
  const { shape, type } = problem
  const { d_model, d_head } = shape
  const real = realOf(type)
  const [size, n_slots, possible] = [kernel.size(shape), kernel.slots(recipe), kernel.narrow(shape, recipe)]
  const runs = Math.floor(weights.length / size)
  const blocks = shape.n_layers * shape.n_heads
  if (!(weights instanceof real)) throw new RangeError(`weights must be in ${type}`)
  checked('weights', weights, runs * size)
  for (const name of ['rate', 'best', 'wait', 'cooldown'] as const) checked(name, state?.[name], runs)
  const goesOn = possible > 0 && state?.basis !== undefined
  const before = !state || goesOn || !state.basis ? state?.slots : inFull(kernel, problem, runs, state.slots, state.basis)
  const steps = recipe.phases.reduce((sum, phase) => sum + phase.steps, 0)
  const turns = possible > 0 && !goesOn && steps > 0 && !(before?.length && seen)
  const trained = goesOn || turns ? kernel.size({ ...shape, d_head: possible }) : size
  const slots = new real(runs * n_slots * trained)
  const given = turns || !before ? 0 : Math.floor(before.length / (runs * trained))
  if (!turns) checked('slots', before, given * runs * trained)
  for (let run = 0; run < runs; run++) {
    for (let slot = 0; slot < Math.min(given, n_slots); slot++) {
      const from = (run * given + slot) * trained
      slots.set(before!.subarray(from, from + trained), (run * n_slots + slot) * trained)
    }
  }
  const heads = goesOn
    ? { narrow: state.narrow, basis: state.basis }
    : turns && { narrow: new real(2 * blocks * d_model * runs * possible), basis: new real(blocks * d_head * runs * possible) }
  checked('narrow', heads ? heads.narrow : undefined, 2 * blocks * d_model * runs * possible)
  checked('basis', heads ? heads.basis : undefined, blocks * d_head * runs * possible)
  return {
    weights,
    slots,
    rate: state?.rate ?? new real(runs).fill(recipe.phases[0]?.learning_rate ?? 0),
    best: state?.best ?? new real(runs).fill(Infinity),
    wait: state?.wait ?? new BigInt64Array(runs),
    cooldown: state?.cooldown ?? new BigInt64Array(runs),
    ...heads,
    outcome: new BigInt64Array(runs),
  }
}

// Of heads that were trained narrow, what is like flat weights [run, any, weight] in their own width.
function inFull(kernel: Kernel, problem: Problem, runs: number, narrow: Real, basis: Real): Real {
  const { shape, type } = problem
  const [size, trained] = [kernel.size(shape), kernel.size({ ...shape, d_head: 2 * shape.d_model })]
  const each = narrow.length / (runs * trained)
  const wide = new (realOf(type))(runs * each * size)
  for (let run = 0; run < runs; run++) {
    const turn = basis.subarray((run * basis.length) / runs, ((run + 1) * basis.length) / runs)
    const together = Math.max(1, Math.min(each, Math.floor(TURNED_AT_ONCE / turn.length)))
    const turns = new (realOf(type))(together * turn.length)
    for (let nth = 0; nth < together; nth++) turns.set(turn, nth * turn.length)
    for (let from = run * each; from < (run + 1) * each; from += together) {
      const to = Math.min(from + together, (run + 1) * each)
      const some = kernel.widen(problem, turns.subarray(0, (to - from) * turn.length), narrow.subarray(from * trained, to * trained))
      wide.set(some, from * size)
    }
  }
  return wide
}
