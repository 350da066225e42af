// Which steps of a training are kept, so that it can be scrubbed through; src/headlab/runs/moments.py says the same.

import type { Experiment } from '../config/experiment'

type Drawn = Pick<Experiment, 'corpus' | 'model'>

const MOST_MOMENTS = 80
export const MOST_NUMBERS = 1_500_000 // in one array
const FEW_SENTENCES = 12 // that are drawn whatever they take
const MOST_OF_A_MOMENT = 75_000 // numbers up to which more are drawn

// As NumPy counts: what lies between two steps goes to the one or the other as there.
function even(last: number, count: number): number[] {
  const apart = last / (count - 1)
  return Array.from({ length: count }, (_, nth) => (nth < count - 1 ? nth * apart : last))
}

// About so many steps from 0 to the last one, evenly spaced on a log scale, both ends included.
export function logSteps(last: number, points: number): number[] {
  if (last <= 0) return [0]
  const spaced = even(Math.log10(last), Math.max(2, points - 1)).map((power) => roundHalfEven(10 ** power))
  return ascending([0, ...spaced])
}

// The steps whose weights are worth keeping: half evenly spaced, half on a log scale, fewer for large models.
export function momentsOf(experiment: Drawn, steps: number, most = MOST_NUMBERS): number[] {
  const count = Math.max(3, Math.min(MOST_MOMENTS, Math.floor(most / aMoment(experiment))))
  const spaced = even(steps, Math.max(2, Math.floor(count / 2))).map(roundHalfEven)
  return ascending([...spaced, ...logSteps(steps, Math.max(2, count - Math.floor(count / 2)))])
}

// How many numbers the largest array of one moment has: the patterns or the logits of the sentences that are drawn.
const aMoment = (of: Drawn) => drawnSentences(of) * aSentence(of)

// How many sentences are drawn, the first ones: all where their numbers are few.
export function drawnSentences(of: Drawn): number {
  return Math.min(of.corpus.n_sequences, Math.max(FEW_SENTENCES, Math.floor(MOST_OF_A_MOMENT / aSentence(of))))
}

function aSentence({ corpus, model }: Drawn): number {
  return corpus.n_ctx * Math.max(model.n_layers * model.n_heads * corpus.n_ctx, corpus.d_vocab)
}

// As NumPy rounds.
function roundHalfEven(value: number): number {
  const low = Math.floor(value)
  return value - low === 0.5 ? low + (low % 2) : Math.round(value)
}

const ascending = (steps: number[]) => [...new Set(steps)].sort((one, other) => one - other)
