// Why a run predicts what it predicts, as a frame: its explanation, and what each part gives at every kept moment.

import { type Choice, choices, dependenciesOf } from '../analysis/choice'
import { explain, type Explanation } from '../analysis/explanation/explanation'
import type { RunRecord } from '../analysis/explanation/record'
import { circuits, tablesOf } from '../analysis/looking/circuits'
import { partOf } from '../analysis/part'
import { Contributions } from '../analysis/parts/contributions'
import { compared } from '../analysis/parts/exact'
import type { Subject } from '../analysis/subject'
import { partsAt } from '../analysis/trials/model_parts'
import { filled, PHRASES } from '../analysis/words'
import { seedValue } from '../config/experiment'
import { Problems } from '../errors'
import type { Real } from '../kernel/layout'
import { FINISHED } from '../kernel/training'
import type { Path } from '../model/paths'
import type * as protocol from '../protocol'
import type { Explained, Way, Why } from '../protocol'
import { codingSentence } from './coding'
import { partValues } from './parts'
import { numbers, outcomeSentence, type Recorded } from './picture'

const MOST_DEPENDENCIES = 8
const MOST_PATHS = 40
const MOST_HEADS = 4 // whose circuits are shown
const MOST_NUMBERS = 1024 // of a table that is shown, each to so many decimals
const DECIMALS = 4
const PAST_HEADS = [partOf('direct:token'), partOf('direct:position')]
const PATH = { kind: 'path', layer: null, head: null, position: null, query: null, token: null } as const

// Numbers [moment, choice, part].
type Given = Partial<Record<Way, { shape: number[]; data: Float64Array }>>

export function whyFrame(recording: Recorded): Why {
  const { values, arrays } = whyOf(recording)
  const frame = Object.entries(arrays).map(([way, { shape, data }]) => [way, numbers(data, ...shape)])
  return { kind: 'why', id: 0, values, arrays: Object.fromEntries(frame) as Why['arrays'] }
}

// The same, every number in full.
//
// Each array begins with what the token's and the position's embedding give past all heads; a dependency's `parts` say what the numbers
// are of, under the array's name, as far as the place sees them.
export function whyOf(recording: Recorded): { values: Explained | { none: string }; arrays: Given } {
  const { subject, outcome } = recording
  if (outcome !== FINISHED) {
    return { values: { none: filled(PHRASES.nothing_of, { outcome: outcomeSentence(outcome) }) }, arrays: {} }
  }
  const explanation = explained(recording)
  if (typeof explanation === 'string') return { values: { none: explanation }, arrays: {} }
  const chosen = choices(subject).slice(0, MOST_DEPENDENCIES) // those of the end, at every moment
  const { paths } = explanation.evidence(0).contributions
  const weights = sound(recording.weights, recording.moments.length)
  const every = chosen.map((choice) => atMoments(recording, weights, choice, paths))
  const ways = waysOf(
    subject,
    paths.filter((path) => path.length),
  )
  const { n_layers, n_heads } = subject.model
  const heads = n_layers * n_heads <= MOST_HEADS ? Array.from({ length: n_layers * n_heads }, (_, nth) => nth) : []
  const values = {
    mechanism: explanation.mechanism,
    meaning: explanation.meaning,
    dependencies: explanation.records.map((record, number) => ({
      ...saidOf(record),
      parts: Object.fromEntries(ways.map((way) => [way, listedParts(subject, chosen[number], every[number][0], way)])),
    })),
    circuits: heads.map((nth) => tablesAt(subject, Math.floor(nth / n_heads), nth % n_heads)),
  }
  return { values, arrays: Object.fromEntries(ways.map((way) => [way, givenBy(every, way)])) }
}

function explained({ subject, experiment }: Recorded): Explanation | string {
  try {
    return explain(subject, String(seedValue(experiment.seed)), dependenciesOf(subject).slice(0, MOST_DEPENDENCIES))
  } catch (error) {
    if (error instanceof Problems) return error.message
    throw error
  }
}

function saidOf(record: RunRecord): Omit<protocol.Choice, 'parts'> {
  const { sentence, more, words, sequence, place, target, rivals, pair, coding } = record
  const equation = coding !== null && Number.isFinite(coding.pattern_share) ? codingSentence(record, coding) : ''
  const clauses = record.clauses.map(({ kind, text }) => ({ kind, text }))
  return { sentence, more, clauses, equation, words: [...words], sequence, place, target, rivals, pair, coding }
}

// By what the parts are listed: sources always, heads and paths where there are several.
function waysOf({ model }: Subject, paths: readonly Path[]): Way[] {
  const several = paths.length > 1
  return [
    'source',
    ...(several ? ['head' as const] : []),
    ...(several && paths.length <= MOST_PATHS && model.n_layers > 1 ? ['path' as const] : []),
  ]
}

// What speaks for a choice at every moment, of all moments at once.
function atMoments({ kernel, subject, moments }: Recorded, weights: Float64Array, choice: Choice, paths: readonly Path[]): Contributions[] {
  const { place, target, rivals } = choice
  const { n_ctx, n_layers } = subject.problem.shape
  const along = paths.map((path) => {
    const heads = new Array<number>(n_layers).fill(-1)
    for (const [layer, head] of path) heads[layer] = head
    return heads
  })
  const at = { sequence: place.sequence, at: place.position }
  const asked = compared(subject.corpus.d_vocab, target, rivals)
  // As they are looked at everywhere else: worked out anew they differ in last bits, which large scores make larger.
  const patterns = kernel.look(subject.problem, weights, [{ sequence: place.sequence }], ['pattern']).pattern as Float64Array
  const known = { patterns, ofPlace: true }
  const { token, position } = kernel.parts(subject.problem, weights, at, asked, ['token', 'position'], along, known)
  const size = paths.length * n_ctx
  return moments.map((_, moment) => {
    const [mine, positions] = [token, position].map((given) => given.subarray(moment * size, (moment + 1) * size))
    return new Contributions(place, paths, mine, positions, NaN)
  })
}

// Weights of runs as the kernel takes them; those of a run with one that is no finite number are none.
function sound(weights: Real, runs: number): Float64Array {
  const [found, size] = [new Float64Array(weights), weights.length / runs]
  for (let start = 0; start < found.length; start += size) {
    let nothing = 0 // times any number; NaN where one is no finite number
    for (let at = start; at < start + size; at++) nothing += 0 * found[at]
    if (nothing !== 0) found.fill(NaN, start, start + size)
  }
  return found
}

// What the parts of every choice give at every moment.
function givenBy(every: readonly (readonly Contributions[])[], way: Way): { shape: number[]; data: Float64Array } {
  const of = {
    source: ({ bySource }: Contributions) => bySource,
    path: ({ byPath }: Contributions) => byPath,
    head: ({ byLastHead }: Contributions) => byLastHead.map(({ gives }) => gives),
  }[way]
  const size = 2 + of(every[0][0]).length
  const [moments, choices] = [every[0].length, every.length]
  const data = new Float64Array(moments * choices * size)
  every.forEach((found, choice) =>
    found.forEach((given, moment) => {
      const at = (moment * choices + choice) * size
      data.set([given.direct, given.positional], at)
      data.set(of(given), at + 2)
    }),
  )
  return { shape: [moments, choices, size], data }
}

// The parts that a choice's numbers are of, in their order: what passes the heads by, then by source, head or path. Of the sources only
// those that the place sees.
function listedParts(subject: Subject, { place }: Choice, { paths, byLastHead }: Contributions, way: Way): protocol.Part[] {
  const values = (part: Parameters<typeof partValues>[1]) => partValues(subject, part, place.sequence)
  const past = PAST_HEADS.map(values)
  if (way === 'path') {
    const named = paths.filter((path) => path.length).map((path) => path.map(([layer, head]) => `${layer}.${head}`).join(' → '))
    return [...past, ...named.map((name) => ({ ...PATH, name, spelling: null }))]
  }
  const heads = () => byLastHead.map(({ head: [layer, head] }) => partOf('head', { layer, head }))
  return [...past, ...(way === 'head' ? heads() : partsAt(subject, place).filter(({ kind }) => kind === 'source')).map(values)]
}

// A head's circuits as they are shown, what is too large left out.
function tablesAt(subject: Subject, layer: number, head: number): Record<string, protocol.Table> {
  const shown = Object.entries(tablesOf(circuits(subject, layer, head))).filter(
    ([, { rows, columns }]) => rows.length * columns.length <= MOST_NUMBERS,
  )
  return Object.fromEntries(shown.map(([name, table]) => [name, { ...table, values: table.values.map((row) => row.map(shortened)) }]))
}

// To so many decimals, half to even, as NumPy rounds.
function shortened(value: number): number {
  const scaled = value * 10 ** DECIMALS
  const low = Math.floor(scaled)
  return (scaled - low === 0.5 ? low + Math.abs(low % 2) : Math.round(scaled)) / 10 ** DECIMALS
}
