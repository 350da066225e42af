// What a model can tell apart in a batch, and what follows from it: floor, resolvable places, dependencies.
//
// Colour refinement of positions, as src/headlab/data/sight.py has it: a position starts from its token (and position), and every layer
// adds the proportions of states among the positions that it may look at.

import { type Batch, padded, placesWithTarget } from './batch'
import { type Dependency, dependenciesOf, onlyTargets } from './dependencies'
import { floorOf } from './floors'

// What of a model decides what it can see.
export interface Seeing {
  causal: boolean
  positions: boolean
  n_layers: number
}

// Proportions are compared as one number each: the mean, modulo a prime, of a number a state, which are powers of one that is drawn.
// Means that differ agree once in 10^34 times.
const PRIME = 2n ** 127n - 1n
const DRAWN = 0x5a0f3b9c71d4e8264f1b97c3e06d852an

export class Sight {
  // The states of every sequence's positions before the model looks at others: token, or token and position.
  readonly atFirst: readonly (readonly number[])[]
  // [sequence][position]: the same number where no model of this shape can tell positions apart; -1: padding.
  readonly states: readonly (readonly number[])[]
  readonly floor: number
  // [sequence][position]: there is a target, and what the model sees decides it.
  readonly resolvable: readonly (readonly boolean[])[]
  private found?: Dependency[]

  constructor(
    readonly batch: Batch,
    readonly model: Seeing,
  ) {
    this.atFirst = this.first()
    this.states = padded(this.refined())
    this.floor = floorOf(this.states, batch)
    const places = placesWithTarget(batch)
    const observed = places.map(({ sequence, position }) => [this.states[sequence][position], batch.targets[sequence][position]] as const)
    const known = onlyTargets(observed)
    this.resolvable = batch.targets.map((row, sequence) =>
      row.map((target, position) => target >= 0 && known.get(this.states[sequence][position]) !== null),
    )
  }

  // The positions whose target the current token leaves open, in order.
  get dependencies(): Dependency[] {
    return (this.found ??= dependenciesOf(this))
  }

  private first(): number[][] {
    const { tokens, lengths, n_ctx } = this.batch
    const ids = new Map<number, number>()
    return tokens.map((row, sequence) =>
      row.slice(0, lengths[sequence]).map((token, at) => numbered(ids, this.model.positions ? token * n_ctx + at : token)),
    )
  }

  private refined(): readonly (readonly number[])[] {
    let rows = this.atFirst
    for (let layer = 0, states = count(rows); layer < this.model.n_layers; layer++) {
      rows = refined(rows, this.model.causal)
      const before = states
      states = count(rows)
      if (states === before) break // nothing was split, and nothing ever will be
    }
    return rows
  }
}

function numbered<Key>(ids: Map<Key, number>, key: Key): number {
  const known = ids.get(key)
  if (known !== undefined) return known
  ids.set(key, ids.size)
  return ids.size - 1
}

const count = (rows: readonly (readonly number[])[]) => 1 + Math.max(...rows.map((row) => Math.max(...row)))

function refined(rows: readonly (readonly number[])[], causal: boolean): number[][] {
  const [numbers, states] = [[1n], count(rows)]
  while (numbers.length < states) numbers.push((numbers[numbers.length - 1] * DRAWN) % PRIME)
  const shares = [0n, 1n]
  const longest = Math.max(...rows.map(({ length }) => length))
  for (let n = 2; n <= longest; n++) shares.push(inverse(BigInt(n), shares))
  const ids = new Map<string, number>()
  return rows.map((row) => {
    let total = causal ? 0n : row.reduce((sum, state) => sum + numbers[state], 0n)
    return row.map((state, at) => {
      if (causal) total += numbers[state]
      return numbered(ids, `${state} ${((total * shares[causal ? at + 1 : row.length]) % PRIME).toString(16)}`)
    })
  })
}

// 1/n modulo the prime, from those of smaller numbers.
const inverse = (n: bigint, smaller: readonly bigint[]) => (PRIME - (((PRIME / n) * smaller[Number(PRIME % n)]) % PRIME)) % PRIME
