// A run of a homework, as a frame: its hash, how it ended, what it predicts, and everything that its questions measure.

import { TIE } from '../analysis/looking/predictions'
import { mechanismOfRun } from '../analysis/parts/mechanism'
import { type Experiment, problemOf } from '../config/experiment'
import type { Subject } from '../analysis/subject'
import type { Kernel } from '../kernel/kernel'
import type { Real } from '../kernel/layout'
import type { MeasuredFrame, Quantities } from '../protocol'
import type { Recording } from '../work/recording'
import type { Facts, Table } from './missing'
import { measure } from './quantities'

const DIGITS = 32 // of a hash
const MOST_PLACES = 12 // of which predictions are told
const MOST_NUMBERS = 20_000 // of tables
const MOST_SENTENCES = 6

export function factsFrame(recording: Recording, quantities: Quantities): MeasuredFrame {
  const { moments, weights } = recording
  const last = weights.subarray(((moments.length - 1) * weights.length) / moments.length)
  return { kind: 'measured', id: 0, values: factsOf(recording, last, quantities), arrays: {} }
}

type Trained = Pick<Recording, 'kernel' | 'experiment' | 'subject' | 'finalLoss' | 'finished'>

// weights: those that the run ended with
export function factsOf({ kernel, experiment, subject, finalLoss, finished }: Trained, weights: Real, quantities: Quantities): Facts {
  return {
    hash: hashOf(kernel, experiment, weights),
    finished,
    loss: Number.isFinite(finalLoss) ? finalLoss : null,
    grade: subject.grade,
    mechanism: mechanismOfRun(subject),
    predictions: subject.dependencies.slice(0, MOST_PLACES).map(({ sequence, position }) => {
      const { sentences, vocabulary } = subject.corpus
      const logits = subject.clean.logits(sequence, position)
      const first = Math.max(...logits) - TIE
      const tokens = vocabulary.filter((_, token) => logits[token] >= first)
      return { sequence, position, word: sentences[sequence][position], tokens }
    }),
    heads: experiment.model.n_heads,
    vocabulary: subject.corpus.vocabulary,
    sentences: tablesOf(subject),
    measured: Object.fromEntries(Object.entries(quantities).map(([id, quantity]) => [id, measure(quantity, { subject, finalLoss })])),
  }
}

// As many sentences as there is room for.
function tablesOf(subject: Subject): Table[] {
  const { corpus, model, clean } = subject
  const heads = Array.from({ length: model.n_layers * model.n_heads }, (_, nth) => [Math.floor(nth / model.n_heads), nth % model.n_heads])
  let numbers = 0
  return corpus.sentences.slice(0, MOST_SENTENCES).flatMap((words, sequence): Table[] => {
    numbers += words.length * (heads.length * words.length + corpus.d_vocab)
    if (numbers > MOST_NUMBERS) return []
    const rows = (row: (position: number) => Float64Array) => words.map((_, position) => Array.from(row(position)))
    return [
      {
        words: [...words],
        patterns: heads.map(([layer, head]) => rows((at) => clean.pattern(layer, head, sequence, at).subarray(0, words.length))),
        probabilities: rows((at) => subject.probabilitiesAt(sequence, at)),
      },
    ]
  })
}

// 128 bits of the SHA-256 of float32 weights in the order in which they are trained; what is no number is one and the same.
export function hashOf(kernel: Kernel, experiment: Experiment, weights: Real): string {
  const ordered = Float32Array.from(kernel.places(problemOf(experiment)), (place) => weights[place])
  const bits = new Uint32Array(ordered.buffer)
  ordered.forEach((weight, at) => {
    if (Number.isNaN(weight)) bits[at] = 0x7fc00000
  })
  return kernel.sha256(new Uint8Array(ordered.buffer)).slice(0, DIGITS)
}
