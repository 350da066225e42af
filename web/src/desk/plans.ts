// What many runs are trained for, cut into portions over the workers: the seeds around the one that is shown, and head sizes.

import type { Fields, Frame, Numbers, Seeds, Value } from '../protocol'
import type { Counted, Some, Task, Unit } from './messages'

export const SEEDS = 64 // that are shown beside each other
const A_PORTION = 8 // of them, so that two workers have the first sixteen soon
const EARLY = 16
const MOST_MS = 600_000 // that each worker spends on head sizes

export interface Plan {
  readonly kind: 'seeds' | 'sizes'
  readonly key: string // of the settings that it depends on
  answer: number // the number of the last request that it is for
  readonly over: boolean // everything has come
  next(): Task | null // what is to be done, none where it all is handed out
  again(task: Task): void // what was handed out and has not come
  take(task: Task, result: Frame | Counted): Frame | null // what there is to show by now
}

const others = (fields: Fields, ...names: string[]) => Object.entries(fields).filter(([name]) => !names.includes(name))

// The first seed of the block that is shown; a seed that is none stays as it was asked for.
function block(seed: Value): bigint | null {
  if (typeof seed === 'number' ? !Number.isSafeInteger(seed) : !/^\d+$/.test(String(seed))) return null
  const number = BigInt(seed as number | string)
  return number < 0n || number >= 2n ** 64n ? null : number - (number % BigInt(SEEDS))
}

// What each kind of answer depends on: answers of equal keys are the same.
export function keysOf(fields: Fields): Record<'picture' | 'seeds' | 'sizes', string> {
  return {
    picture: JSON.stringify(others(fields)),
    seeds: JSON.stringify([String(block(fields.seed ?? 0) ?? fields.seed), ...others(fields, 'seed')]),
    sizes: JSON.stringify(others(fields, 'seed', 'd_head')),
  }
}

const exact = (seed: bigint) => (seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : String(seed))
const range = (first: bigint, count: number) => Array.from({ length: count }, (_, nth) => exact(first + BigInt(nth)))

abstract class Portions implements Plan {
  abstract readonly kind: 'seeds' | 'sizes'
  abstract readonly key: string
  protected left: Task[] = []
  protected due = 0 // portions that have not come

  constructor(
    protected readonly fields: Fields,
    public answer: number,
  ) {}

  get over() {
    return this.due === 0
  }

  next() {
    return this.left.shift() ?? null
  }

  again(task: Task) {
    this.left.unshift(task)
  }

  protected add(task: Task, first = false) {
    if (first) this.left.unshift(task)
    else this.left.push(task)
    this.due++
  }

  abstract take(task: Task, result: Frame | Counted): Frame | null
}

export class SeedsPlan extends Portions {
  readonly kind = 'seeds'
  readonly key: string
  private readonly come = new Map<string, Seeds>()
  private readonly order: string[] = []
  private told = 0

  constructor(fields: Fields, answer: number) {
    super(fields, answer)
    this.key = keysOf(fields).seeds
    const first = block(fields.seed ?? 0) ?? 0n
    for (let nth = 0; nth < SEEDS; nth += A_PORTION) {
      const seeds = range(first + BigInt(nth), A_PORTION)
      this.order.push(String(seeds[0]))
      this.add({ kind: 'seeds', fields, more: { seeds } })
    }
  }

  take(task: Task, result: Frame | Counted): Frame | null {
    this.due--
    this.come.set(String((task.more as Some).seeds[0]), result as Seeds)
    const seeds = this.come.size * A_PORTION
    if (!this.over && (seeds < EARLY || seeds < 2 * this.told)) return null
    this.told = seeds
    return joined(this.order.flatMap((first) => this.come.get(first) ?? []))
  }
}

function joined(portions: Seeds[]): Seeds {
  const all = <Name extends 'seed' | 'solved' | 'grade' | 'mechanism'>(name: Name) =>
    portions.flatMap(({ values }) => values[name] as unknown[]) as Seeds['values'][Name]
  const [seed, { order }] = [all('seed'), portions[0].values]
  const runs = { seed, solved: all('solved'), grade: all('grade'), mechanism: all('mechanism') }
  const numbers = (name: 'loss' | 'pattern') => together(portions.map(({ arrays }) => arrays[name]))
  const arrays = { loss: numbers('loss'), pattern: numbers('pattern') }
  return { kind: 'seeds', id: 0, values: { of: seed.length, wanted: SEEDS, order, ...runs }, arrays }
}

function together(parts: Numbers[]): Numbers {
  const data = new Float32Array(parts.reduce((sum, { data }) => sum + data.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part.data, at)
    at += part.data.length
  }
  return { shape: [parts.reduce((sum, { shape }) => sum + shape[0], 0), ...parts[0].shape.slice(1)], data }
}

export class SizesPlan extends Portions {
  readonly kind = 'sizes'
  readonly key: string
  private readonly counted: Counted[][] = [] // by round, as they come
  private readonly units: number[] // in each round
  private readonly since = new Map<Task['more'], number>() // when what is under way was handed out
  private quickest = Infinity // milliseconds of a unit: others may have waited for a hand
  private come = 0 // units
  private told = 0

  // rounds: what every round trains; workers: that work beside each other
  constructor(
    fields: Fields,
    answer: number,
    rounds: readonly Unit[][],
    private readonly workers: number,
  ) {
    super(fields, answer)
    this.key = keysOf(fields).sizes
    this.units = rounds.map(({ length }) => length)
    rounds.forEach((units, round) => {
      this.counted.push([])
      for (const unit of units) {
        const seeds = range(BigInt(unit.first), unit.count)
        this.add({ kind: 'counts', fields: { ...fields, d_head: unit.size }, more: { seeds, unit, round } })
      }
    })
  }

  // Rounds after the first are trained as long as there is time, which is measured on them: a picture may have waited for its worker.
  next() {
    if (this.told > 0 && this.come * this.quickest > MOST_MS * this.workers) this.leave(({ kind }) => kind === 'counts')
    const task = super.next()
    if (task) this.since.set(task.more, performance.now())
    return task
  }

  private leave(which: (task: Task) => boolean) {
    const before = this.left.length
    this.left = this.left.filter((task) => !which(task))
    this.due -= before - this.left.length
  }

  take(task: Task, result: Frame | Counted): Frame | null {
    this.due--
    if ('arrays' in result) return result
    this.quickest = Math.min(this.quickest, performance.now() - this.since.get(task.more)!)
    this.come++
    this.counted[(task.more as Some).round!].push(result)
    const told = this.told
    while (this.told < this.units.length && this.counted[this.told].length === this.units[this.told]) this.told++
    if (this.told > told) this.sum()
    return null
  }

  // What was counted so far is put into words before anything else is trained; only the newest of it.
  private sum() {
    this.leave(({ kind }) => kind === 'sizes')
    const counted = this.counted.slice(0, this.told).flat()
    this.add({ kind: 'sizes', fields: this.fields, more: { round: this.told - 1, counted } }, true)
  }
}
