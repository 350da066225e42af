// The picture of a run, as a frame: what it saw and said at every kept moment, its curve, and what is known of its corpus.

import { filled, TABLE } from '../analysis/words'
import type { Subject } from '../analysis/subject'
import { type Experiment, seedValue } from '../config/experiment'
import type { ModelConfig } from '../config/model'
import type { Corpus } from '../data/corpus'
import type { Problem } from '../kernel/asked'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import { FINISHED } from '../kernel/training'
import type * as protocol from '../protocol'
import { drawnSentences } from './moments'

const MOST_POINTS = 400 // of the loss curve

// A trained run, and what it was at every kept moment.
export interface Recorded {
  kernel: Kernel
  experiment: Experiment
  moments: readonly number[] // steps, the last one the end
  weights: Real // [moment, weight]
  losses: Real // [step]
  rates: Real
  finalLoss: number
  outcome: bigint
  subject: Subject // of the end
}

export function pictureFrame(recording: Recorded): protocol.Picture {
  const { kernel, experiment, moments, weights, losses, rates, outcome, finalLoss, subject } = recording
  const { corpus, model, seed } = experiment
  const { problem } = subject
  const { n_layers, n_heads, n_ctx, d_vocab } = problem.shape
  const shown = drawnSentences(experiment)
  const drawn: Problem = { ...problem, type: weights instanceof Float64Array ? 'float64' : 'float32' }
  const cases = Array.from({ length: shown }, (_, sequence) => ({ sequence }))
  const { pattern, logits } = kernel.look(drawn, weights, cases, ['pattern', 'logits'])
  const points = pointsOf(losses.length)
  return {
    kind: 'picture',
    id: 0,
    values: {
      seed: seedValue(seed) as number | string,
      outcome: outcomeSentence(outcome),
      finished: outcome === FINISHED,
      solved: subject.solved,
      grade: subject.grade,
      final_loss: Number.isFinite(finalLoss) ? finalLoss : null,
      steps: moments[moments.length - 1],
      parameters: subject.flat.length,
      ...{ n_layers, n_heads, causal: model.causal, d_head: model.d_head },
      drops: dropsOf(rates),
      corpus: corpusValues(corpus, model),
    },
    arrays: {
      moments: numbers(moments, moments.length),
      pattern: numbers(byHead(pattern, shown, n_layers * n_heads, n_ctx ** 2), moments.length, n_layers, n_heads, shown, n_ctx, n_ctx),
      logits: numbers(logits, moments.length, shown, n_ctx, d_vocab),
      loss_step: numbers(points, points.length),
      loss: numbers(
        points.map((step) => losses[step]),
        points.length,
      ),
    },
  }
}

// How a training ended, in words.
export function outcomeSentence(outcome: bigint): string {
  const { finished, diverged, interrupted } = TABLE.outcomes
  if (outcome === FINISHED) return finished
  return outcome < 0n ? interrupted : filled(diverged, { step: outcome })
}

export const numbers = (values: ArrayLike<number>, ...shape: number[]): protocol.Numbers => ({
  shape,
  data: values instanceof Float32Array ? values : Float32Array.from(values),
})

// What the page says about the corpus, as a model of a shape sees it.
export function corpusValues(corpus: Corpus, model: ModelConfig): protocol.Corpus {
  const ownLength = (rows: readonly (readonly number[])[]) => rows.map((row, sequence) => row.slice(0, corpus.lengths[sequence]))
  return {
    vocabulary: corpus.vocabulary,
    labels: corpus.labels,
    tokens: ownLength(corpus.tokens),
    targets: ownLength(corpus.targets),
    floor: corpus.floor(model),
    bigram_floor: corpus.bigramFloor(),
    dependencies: corpus
      .dependencies(model)
      .map(({ sequence, position, settled_by, resolvable }) => ({ sequence, position, settled_by, resolvable })),
  }
}

// The steps of the loss curve that are drawn, both ends among them.
function pointsOf(steps: number): number[] {
  const count = Math.min(steps, MOST_POINTS)
  const apart = count > 1 ? (steps - 1) / (count - 1) : 0
  const points = Array.from({ length: count }, (_, nth) => (nth < count - 1 ? Math.floor(nth * apart) : steps - 1))
  return [...new Set(points)]
}

// Where the learning rate changes, and to what; where it is no number it is not known to be the same.
function dropsOf(rates: Real): [number, number | null][] {
  const found: [number, number | null][] = []
  for (let step = 1; step < rates.length; step++) {
    if (rates[step] - rates[step - 1] !== 0) found.push([step, Number.isFinite(rates[step]) ? rates[step] : null])
  }
  return found
}

// Patterns [run, sentence, head, …] by head first.
function byHead(patterns: Real, sentences: number, heads: number, size: number): Float32Array {
  const found = new Float32Array(patterns.length)
  const runs = patterns.length / (sentences * heads * size)
  for (let run = 0; run < runs; run++) {
    for (let sentence = 0; sentence < sentences; sentence++) {
      for (let head = 0; head < heads; head++) {
        const from = ((run * sentences + sentence) * heads + head) * size
        found.set(patterns.subarray(from, from + size), ((run * heads + head) * sentences + sentence) * size)
      }
    }
  }
  return found
}
