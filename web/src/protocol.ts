// Everything that the page and whoever answers it say to each other: what is asked, and every kind of frame that comes.
// Frames that are carried are Python's, too: src/headlab/report/frames/.

import type { Facts } from './homework/missing'
import type { Quantity } from './homework/table'

export type Value = string | number | boolean | null
export type Fields = Record<string, Value>

export interface Numbers {
  shape: number[]
  data: Float32Array
}

interface Message<Kind extends string, Values, Names extends string = never> {
  kind: Kind
  id: number // of what was asked for; 0: of nothing
  values: Values
  arrays: Record<Names, Numbers>
}

// What comes

export interface Can {
  train: boolean
  try: boolean
}

// A row of the table of fields (src/headlab/config/fields.py).
export interface Row {
  name: string
  label: string
  help: string
  kind: 'whole' | 'real' | 'flag' | 'choice'
  choices: string[]
  usual: string // in words, what is taken where there is no value
  optimizers: string[] | null // that have it; null: all
  slider?: { low: number; high: number; log?: boolean } // where it is not the usual one
}

export type Palette = Record<string, string> // of mechanisms: #rrggbb

// What explanations say, of the one table that Python reads, too (src/headlab/analysis/words.json): what each name means.
export interface Told {
  mechanisms: Record<string, string>
  ablations: Record<string, string>
  coding: Record<CodingPart, string>
  measures: Record<string, string> // by kind of clause: what it says of a run, as a quantity
}

export type Hello = Message<'hello', { notebook: Fields; fields: Row[]; fork_fields: string[]; can: Can; palette: Palette; words: Told }>

export interface Dependency {
  sequence: number
  position: number
  settled_by: number | null
  resolvable: boolean
}

export interface Corpus {
  vocabulary: string[]
  labels: string[]
  tokens: number[][]
  targets: number[][]
  floor: number
  bigram_floor: number
  dependencies: Dependency[]
}

export type Picture = Message<
  'picture',
  {
    seed: number | string | null // a number that JavaScript cannot hold exactly comes as text; null: its weights were given
    outcome: string
    finished: boolean
    solved: boolean
    grade: string
    final_loss: number | null // null: beyond all numbers
    steps: number
    parameters: number
    n_layers: number
    n_heads: number
    causal: boolean
    d_head: number
    drops: [number, number | null][]
    corpus: Corpus
  },
  'moments' | 'pattern' | 'logits' | 'loss_step' | 'loss'
>

type CodingPart = 'pattern' | 'value' | 'direct'
export type Coding = Record<CodingPart | 'total', number> & Record<`${CodingPart}_share`, number>

// What can be taken away from a model, or contributes to what it predicts; what a kind does not have is null.
export interface PartFields {
  kind: 'source' | 'edge' | 'head' | 'token' | 'direct' | 'direct:token' | 'direct:position' | 'positions' | 'path'
  layer: number | null
  head: number | null
  position: number | null // of an edge: its key
  query: number | null
  token: number | null
}

export interface Part extends PartFields {
  name: string // as a list of parts shows it
  spelling: string | null // null: it cannot be taken away by itself
}

// One thing that is said.
export interface Clause {
  kind: string
  text: string
}

// The target against its rivals at one place, and what was found out about it.
export interface Choice {
  sentence: string
  more: string // what else may be said, beside the sentence
  clauses: Clause[]
  equation: string // how the change is coded, in words; nothing where it cannot be compared
  words: string[]
  sequence: number
  place: number
  target: string
  rivals: string[] // several where the run holds them equal
  pair: string // the comparison as a formula
  coding: Coding | null
  parts: Partial<Record<Way, Part[]>> // what the frame's numbers are of, in their order
}

export interface Table {
  rows: string[]
  columns: string[]
  values: number[][]
}

export type Way = 'source' | 'head' | 'path'
export interface Explained {
  mechanism: string
  meaning: string
  dependencies: Choice[]
  circuits: Record<string, Table>[] // of every head, by its name
  none?: undefined
}

export interface Why {
  kind: 'why'
  id: number
  values: Explained | { none: string } // none: why there is nothing to explain
  arrays: Partial<Record<Way, Numbers>>
}

export type Seeds = Message<
  'seeds',
  {
    of: number
    wanted?: number // how many there are to be: fewer have come so far
    seed: (number | string)[]
    solved: boolean[]
    grade: string[]
    mechanism: string[]
    order: string[]
  },
  'loss' | 'pattern'
>

export type SizeRow = [size: number, solved: number, runs: number, share: number, low: number, high: number]

// Two sizes apart, with the 95 % interval; null: too few runs to say.
export interface Difference {
  value: number
  base: number // the same of the size that others are held against
  difference: number | null
  low: number | null
  high: number | null
  p_holm: number | null
  verdict: 'better' | 'worse' | 'cannot be told'
}

export interface HeadSize {
  size: number
  context: boolean // it is not in the answer
  runs: number
  solved: number
  hairs: number
  diverged: number
  share: number | null // of solved runs, with its 95 % interval; null: there is nothing to solve
  low: number | null
  high: number | null
  loss: [number, number, number] | null // quartiles of final losses
  against: { share: Difference | null; loss: Difference | null } | null // the base; null: it is the base, or context
}

export type Sizes = Message<
  'sizes',
  {
    round: number
    rounds: number
    each: number // runs that a size gets in a round
    base: number
    loss_of: 'solved' | 'finished' // whose losses are told: of all runs, where a size has too few solved ones
    question: string
    answer: string // in one sentence, by share and by loss
    sentences: string[]
    how_sure: string[]
    sizes: HeadSize[] // in ascending order
    rows: SizeRow[]
  }
>

export interface TrialRow {
  intervention: string
  kind: string
  difference_before: number
  difference_after: number
  probability_before: number
  probability_after: number
  flips: boolean
  said: string // the prediction, in words
  possible: boolean
}
export type Trial = Message<'trial', { title: string; part: Part | null; name: string; rows: TrialRow[] }>

// The minimal sets of parts that suffice for the right prediction at one place by one ablation, the smallest first.
export interface SetsOf {
  sequence: number
  position: number
  target: string
  ablation: string
  monotone: boolean | null // with a set, every larger one suffices; null without a set
  tried: number // parts of which all subsets were tried
  left: number // parts that stayed as they are: they give less, and there were too many
  sets: string[] // in words
  called: string // the place and the ablation
  said: string[] // how many sets there are, and how many parts were left as they are
}
export type Minimal = Message<'minimal', { meaning: string; rows: SetsOf[] }>
export type MeasuredFrame = Message<'measured', Facts>
export type Weights = Message<'weights', { base64: string; python: string }>

export interface Problem {
  text: string
  field: string | null // the setting that it is about
  line: number | null // of the sentences, from 1
  command?: string // for the shell, where it is done there instead
}
export type ProblemsFrame = Message<'problems', { problems: Problem[] }>

// How far the training of the run is that is shown next; only of one that takes a while.
export type Progress = Message<'progress', { share: number; seconds: number }>

export type Frame = Hello | Progress | Picture | Why | Seeds | Sizes | Trial | Minimal | MeasuredFrame | Weights | ProblemsFrame

// What is asked

export interface Place {
  sequence?: number
  position?: number
}
type NamedPart = Partial<PartFields> & Pick<PartFields, 'kind'>
export type TrialOf = Place &
  ({ part: string | NamedPart } | { patch: string } | { row: Record<string, number>; layer: number; head: number })

// What a homework measures a run by, by question.
export type Quantities = Record<string, Quantity>

// What goes beside the settings with each kind of ask, and the kind of frame that answers it.
export interface Asks {
  trial: { more: TrialOf; answer: Trial }
  weights: { more?: undefined; answer: Weights }
  minimal: { more?: undefined; answer: Minimal }
  measured: { more: Quantities; answer: MeasuredFrame }
}
export type AskKind = keyof Asks

// An experiment by its settings, or a run of those that are there by its number.
export type Asked = { ask: 'show' | 'stop' | AskKind; id: number; fields: Fields; more?: TrialOf | Quantities }

// Who answers

export interface Door {
  ask(asked: Asked): void
  close(): void
}

export interface Listener {
  take(frame: Frame): void
  cannot(why: string): void // nothing more is answered
}

export type Connect = (listener: Listener) => Door
