// A task that is trained in the page, by the whole kernel: one run, a few milliseconds at a time, and what it looks like on the way.

import { breath } from '../desk/breath'
import { casesIn, problemIn, type Problem, type Recipe as Asked } from '../kernel/asked'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { Training } from '../kernel/training'
import { softmax } from '../maths'
import { drawsOf, frozenOf, outputsOf, phasesOf, problemOf, type WholeShape } from './asked'
import type { Course, Moment } from './course'
import type { Curve, Example, Said, Table } from './gallery'

const SLICE = 12 // milliseconds of training before the page hears what was done
const MOST_MOMENTS = 60
const MOST_POINTS = 200
const MOST_BYTES = 1 << 23 // of all patterns of a course
const FEW = 3 // answers that are told of a place

export interface Live {
  kernel: Kernel
  table: Table
  recipe: string
  seed: number
}

type Whole = Problem & { shape: WholeShape }

interface Setting {
  problem: Whole
  recipe: Asked
  steps: number
}

// What the kernel is asked of a recipe.
export function settingOf(kernel: Kernel, table: Table, name: string): Setting {
  const { model, training } = table.recipes[name]
  const problem = problemOf(table, model, training)
  const phases = phasesOf(training, frozenOf(model), kernel.weights(problem.shape))
  const steps = phases.reduce((sum, phase) => sum + phase.steps, 0)
  const snapshots = spaced(steps, MOST_MOMENTS)
  return { problem, steps, recipe: { phases, recorded: spaced(steps - 1, MOST_POINTS - 1), snapshots } }
}

// Steps from the first to the last, at most so many: a few of the first ones, and then ever fewer.
export function spaced(last: number, most: number): number[] {
  const [half, found] = [Math.floor(most / 2), new Set<number>()]
  for (let nth = 0; nth < half; nth++) {
    found.add(Math.round((last * nth) / (half - 1)))
    found.add(Math.round((last + 1) ** (nth / (half - 1))) - 1)
  }
  return [...found].filter((step) => step >= 0 && step <= last).sort((a, b) => a - b)
}

// The run's first weights: those that Python draws for the seed.
export function begun(kernel: Kernel, { shape, ...problem }: Whole, model: Table['recipes'][string]['model'], seed: number): Real {
  const room = kernel.room()
  try {
    const draws = room.structs('hl_draw', drawsOf(shape, model, kernel.weights(shape)))
    const made = room.results(problem.type, ['weights'], { weights: kernel.size(shape) })
    const seeds = room.array(BigUint64Array.of(BigInt(seed)))
    const scale = Number(model.init_scale ?? 1)
    room.instance.ask('hl_initial', problemIn(room, { ...problem, shape }), draws, scale, 1n, seeds, made.at.weights)
    return made.copies().weights
  } finally {
    room.close()
  }
}

// Trains a run, and gives its weights; told: what there is of it so far, as often as there is more. Ends where `stopped` says so, too.
export async function trained(
  { kernel, table, recipe: name, seed }: Live,
  told: (course: Course) => void,
  stopped = () => false,
): Promise<Real> {
  const { problem, recipe, steps } = settingOf(kernel, table, name)
  const weights = begun(kernel, problem, table.recipes[name].model, seed)
  const training = new Training(kernel, problem, recipe, weights)
  const look = new Looks(kernel, table, problem)
  const [moments, size]: [Moment[], number] = [[], kernel.size(problem.shape)]
  try {
    for (;;) {
      const ended = training.work(SLICE)
      const { n_recorded, n_snapshots, steps: done } = training.read()
      const { losses, snapshots, final_loss, outcome, weights } = training.take()
      for (let nth = moments.length; nth < n_snapshots; nth++)
        moments.push(look.at(recipe.snapshots![nth], snapshots.slice(nth * size, (nth + 1) * size)))
      const curve = curveOf(recipe.recorded!.slice(0, n_recorded), losses, ended && outcome[0] < 0 ? [steps, final_loss[0]] : undefined)
      const diverged = outcome[0] >= 0n ? `It diverged at step ${outcome[0].toLocaleString('en')}.` : ''
      const stop = !ended && stopped()
      told(look.course({ recipe: name, seed, n_steps: steps, curve, moments: [...moments] }, diverged || (stop ? stoppedAt(done) : '')))
      if (ended || stop) return weights
      await breath()
    }
  } finally {
    training.end()
  }
}

const stoppedAt = (step: number) => `Stopped at step ${step.toLocaleString('en')}.`

function curveOf(steps: readonly number[], losses: Real, last: [number, number] | undefined): Curve {
  const found = steps.map((step, nth): [number, number] => [step, losses[nth]])
  if (last) found.push(last)
  return { steps: found.map(([step]) => step), loss: found.map(([, loss]) => (Number.isFinite(loss) ? loss : null)) }
}

// Where heads look in the examples, and what is said there.
class Looks {
  private readonly examples: Example[]
  private readonly labels: string[]

  constructor(
    private readonly kernel: Kernel,
    private readonly table: Table,
    private readonly problem: Whole,
  ) {
    const { n_layers, n_heads, n_ctx } = problem.shape
    this.labels = table.outputs ?? table.vocabulary
    const each = Math.max(1, n_layers * n_heads) * n_ctx * n_ctx * MOST_MOMENTS
    const shown = Math.max(1, Math.min(table.tokens.length, Math.floor(MOST_BYTES / each)))
    this.examples = table.tokens.slice(0, shown).map((tokens, at) => ({
      tokens: tokens.map((token) => (token < 0 ? '' : table.vocabulary[token])),
      targets: table.targets[at].map((target) => (target < 0 ? null : this.labels[target])),
    }))
  }

  course(known: Pick<Course, 'recipe' | 'seed' | 'n_steps' | 'curve' | 'moments'>, ended: string): Course {
    const { n_layers, n_heads } = this.problem.shape
    const places = this.table.targets.flat().filter((target) => target >= 0).length
    return { ...known, held_out: null, n_layers, n_heads, roles: [], examples: this.examples, places, each: 1, ended }
  }

  at(step: number, weights: Real): Moment {
    const { n_layers, n_heads, n_ctx } = this.problem.shape
    const { tokens, targets } = this.table
    const width = outputsOf(this.problem.shape)
    const { logits, pattern } = this.look(weights, tokens.length, width)
    const per = n_layers * n_heads * n_ctx * n_ctx
    const patterns = Uint8Array.from(pattern.subarray(0, this.examples.length * per), (share) => Math.round(255 * share))
    let right = 0
    const said = targets.map((row, sequence) =>
      row.flatMap((target, place): Said[][] => {
        if (target < 0) return []
        const from = (sequence * n_ctx + place) * width
        const shares = softmax(Array.from(logits.subarray(from, from + width)))
        const first = largest(shares)
        right += Number(first[0] === target)
        return [first.map((token): Said => [this.labels[token], shares[token]])]
      }),
    )
    return { step, patterns, said: said.slice(0, this.examples.length), right }
  }

  // Of every sequence of the table: logits [sequence, place, output], patterns [sequence, layer, head, query, key].
  private look(weights: Real, sequences: number, width: number) {
    const { shape, type } = this.problem
    const { n_ctx, n_layers, n_heads } = shape
    const room = this.kernel.room()
    try {
      const cases = casesIn(
        room,
        Array.from({ length: sequences }, (_, sequence) => ({ sequence })),
        n_ctx,
      )
      const made = room.results(type, ['logits', 'pattern'], {
        logits: sequences * n_ctx * width,
        pattern: sequences * n_layers * n_heads * n_ctx * n_ctx,
      })
      const [given, asked] = [room.array(weights), problemIn(room, this.problem)]
      room.instance.ask('hl_look', asked, 1n, given, sequences, cases, made.at.logits, 0, made.at.pattern)
      return made.copies()
    } finally {
      room.close()
    }
  }
}

// The places of the largest, the first of equal ones.
function largest(values: readonly number[]): number[] {
  return [...values.keys()].sort((a, b) => values[b] - values[a] || a - b).slice(0, FEW)
}
