// Sentences as token ids with next-token targets, and what can be said about them before any model is trained.

import { problem, Problems } from '../errors'
import { ABSENT, type Batch, nextTokens, onesAtTargets, padded, placesWithTarget, relativeWeights } from './batch'
import type { Dependency } from './dependencies'
import { floorOf } from './floors'
import { WORDS } from './letters'
import { type Lookalikes, lookalikes } from './lookalikes'
import { trainingOrder } from './order'
import { type Seeing, Sight } from './sight'
import { joinTokens, splitSentences } from './text'

// As a file holds it: rows without padding; targets and weights where they are not the usual ones.
export interface PlainCorpus {
  sequences: number[][]
  vocabulary: string[]
  labels: string[]
  start: string | null
  wrap: boolean
  tokens?: string // what tokens are: words where it is left out, or characters
  targets?: number[][]
  weights?: number[][]
}

export interface Reading {
  start?: string | null
  wrap?: boolean
}

const PREFIX: Seeing = { causal: true, positions: true, n_layers: 1 } // only positions with the same prefix look the same

// A few sentences, one a line. A start token goes before each; a token's target is the next token, and the last target wraps to the
// start token (or there is none).
export class Corpus implements Batch {
  readonly vocabulary: string[]
  readonly labels: string[]
  readonly start: string | null
  readonly wrap: boolean
  readonly tokens_are: string
  readonly tokens: number[][] // [sequence][position]; -1 is padding
  readonly targets: number[][] // -1: there is nothing to predict
  readonly weights: number[][] // of targets in the loss; 0 where there is none
  readonly lengths: number[]
  readonly sentences: string[][] // the start token included
  private sights = new Map<string, Sight>()

  constructor(readonly plain: PlainCorpus) {
    const { sequences, vocabulary, labels, start, wrap, tokens = WORDS, targets, weights } = plain
    if (vocabulary.length < 2)
      throw new Problems(problem(`a corpus must have at least 2 different tokens, got ${vocabulary.length}: add words`))
    this.vocabulary = vocabulary
    this.labels = labels
    this.start = start
    this.wrap = wrap
    this.tokens_are = tokens
    this.tokens = padded(sequences)
    const asked = targets ? padded(targets) : nextTokens(this.tokens, wrap)
    if (asked.every((row) => row.every((id) => id < 0)))
      throw new Problems(problem('a corpus must have something to predict, got no target: use longer sentences, or wrap=True'))
    this.weights = weights ? padded(weights, 0) : onesAtTargets(asked)
    this.targets = asked.map((row, sequence) => row.map((id, position) => (this.weights[sequence][position] > 0 ? id : ABSENT)))
    this.lengths = sequences.map(({ length }) => length)
    this.sentences = sequences.map((row) => row.map((token) => vocabulary[token]))
  }

  // Reads one sentence a line; ids go by where words first appear.
  static fromText(text: string, { start = '<Start>', wrap = true }: Reading = {}): Corpus {
    const sentences = splitSentences(text, start).map((words) => (start === null ? words : [start, ...words]))
    const ids = new Map<string, number>()
    for (const word of sentences.flat()) if (!ids.has(word)) ids.set(word, ids.size)
    const vocabulary = [...ids.keys()]
    return new Corpus({
      sequences: sentences.map((words) => words.map((word) => ids.get(word)!)),
      vocabulary,
      labels: vocabulary,
      start,
      wrap,
    })
  }

  get d_vocab(): number {
    return this.vocabulary.length
  }

  get n_ctx(): number {
    return this.tokens[0].length
  }

  get n_sequences(): number {
    return this.tokens.length
  }

  // The ids in the order in which they are trained.
  get order(): number[] {
    return trainingOrder(this.tokens, this.targets, this.d_vocab)
  }

  // A sequence as text, the start token included.
  sentence(sequence: number): string {
    return joinTokens(this.sentences[sequence], this.tokens_are, this.start)
  }

  // The positions of one sentence as lists of them show them: number and word.
  positionWords(sequence: number): string[] {
    return this.sentences[sequence].map((word, position) => `${position} ${word}`)
  }

  positionLabels(sequence: number): string[] {
    const row = this.tokens[sequence].slice(0, this.lengths[sequence])
    return row.map((token, position) => `${position} ${this.labels[token]}`)
  }

  // P(target | token) over the corpus.
  bigramProbability(token: number, target: number): number {
    const weights = relativeWeights(this)
    let [total, both] = [0, 0]
    for (const { sequence, position } of placesWithTarget(this)) {
      if (this.tokens[sequence][position] !== token) continue
      total += weights[sequence][position]
      if (this.targets[sequence][position] === target) both += weights[sequence][position]
    }
    return total > 0 ? both / total : 0
  }

  // The smallest mean loss Σ w·l / Σ w that any model of a shape can reach, in nats per position with a target.
  floor(model: Seeing = PREFIX): number {
    return this.sight(model).floor
  }

  // The smallest mean loss from the current token alone.
  bigramFloor(): number {
    return floorOf(this.tokens, this)
  }

  // [sequence][position]: there is a target, and what the model sees decides it.
  resolvable(model: Seeing = PREFIX): readonly (readonly boolean[])[] {
    return this.sight(model).resolvable
  }

  // The positions whose target the current token leaves open, in order.
  dependencies(model: Seeing = PREFIX): Dependency[] {
    return this.sight(model).dependencies
  }

  // Tokens that look alike and are not the same.
  lookalikes(): Lookalikes[] {
    return lookalikes(this)
  }

  // What a reader may overlook, a sentence each.
  notes(): string[] {
    return this.lookalikes().map(({ text }) => text)
  }

  private sight({ causal, positions, n_layers }: Seeing): Sight {
    const key = `${causal} ${positions} ${n_layers}`
    const known = this.sights.get(key) ?? new Sight(this, { causal, positions, n_layers })
    this.sights.set(key, known)
    return known
  }
}
