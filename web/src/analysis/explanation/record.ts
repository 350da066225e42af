// The record of one choice: plain numbers, read from the evidence, that sentences and tables are made of.

import { otherOf, pairWords } from '../choice'
import { Lazily } from '../lazily'
import { type Part, Word } from '../part'
import type { EyeRecord } from '../parts/eye'
import { spelling } from '../trials/spelling'
import { bare, type Clause, moreOf, Named, sentenceOf } from './clauses'
import type { Evidence } from './evidence'
import { clausesOf, firstOf } from './sentences'

export type Split = Record<'pattern' | 'value' | 'direct' | 'total' | 'pattern_share' | 'value_share' | 'direct_share', number>

// A part of the model, what it gives, and what became of the choice without it; src/headlab/analysis/explanation/record.py says what
// each is. What is no number is nan.
export interface TestedPart {
  part: Part
  name: string
  position: number | null
  attention: number
  contribution: number
  claim: string
  after: Record<string, number>
  flips: string[]
  finding: string
  disagree: boolean
  predicts: Record<string, string[]>
  spelling: string
}

export interface Patched {
  what: string
  direction: string
  before: number
  after: number
  flips: boolean
  predicts: string[]
}

// By ablation: how many minimal sets of parts suffice, of how many parts, and how many parts were left out.
export type Sets = Record<string, readonly [number, number, number]>

// One choice of the run, with the corpus' own words: each as Python's record has it, and says what it is. For every part by its number,
// of which a source's is its position: named, gives, unchanged, otherwise.
export class RunRecord extends Lazily {
  readonly words: readonly string[]
  readonly spelled: readonly Word[]
  readonly sequence: number
  readonly place: number
  readonly target: string
  readonly other: readonly string[] | null
  readonly other_sequence: number | null

  constructor(
    readonly evidence: Evidence,
    readonly sets: Sets = {},
  ) {
    super()
    const { corpus } = evidence.subject
    const [{ place, target }, other] = [evidence.choice, otherOf(evidence.choice)]
    this.words = corpus.sentences[place.sequence]
    this.spelled = Word.each(this.words)
    this.sequence = place.sequence
    this.place = place.position
    this.target = corpus.vocabulary[target]
    this.other = other && corpus.sentences[other.sequence]
    this.other_sequence = other && other.sequence
  }

  // Tokens by their words, in an order that the vocabulary's does not decide.
  private wordsOf(tokens: readonly number[]): string[] {
    const { subject } = this.evidence
    return subject.inOrder(tokens).map((token) => subject.corpus.vocabulary[token])
  }

  get rivals(): string[] {
    return this.once('rivals', () => this.wordsOf(this.evidence.choice.rivals))
  }

  get predicted(): string {
    return this.evidence.subject.corpus.vocabulary[this.evidence.here.best]
  }

  get predicted_probability(): number {
    const { best, probabilities } = this.evidence.here
    return probabilities[best]
  }

  get probability(): number {
    return this.evidence.here.probability
  }

  get other_probability(): number {
    return this.evidence.there?.probability ?? NaN
  }

  get difference(): number {
    return this.evidence.here.difference
  }

  get other_difference(): number {
    return this.evidence.there?.difference ?? NaN
  }

  get lead(): number {
    return this.evidence.lead
  }

  get other_lead(): number {
    return this.evidence.otherLead
  }

  get same(): boolean {
    return this.evidence.same
  }

  get little(): boolean {
    return this.evidence.little
  }

  get right_there(): string[] {
    return this.once('right_there', () => this.wordsOf(this.evidence.rightThere))
  }

  get runners_up(): string[] {
    return this.once('runners_up', () => this.wordsOf(this.evidence.runnersUp))
  }

  // The most likely tokens, where several are.
  get tied(): string[] {
    const { winners } = this.evidence.here
    return this.once('tied', () => (winners.length > 1 ? this.wordsOf(winners) : []))
  }

  get direct(): number {
    return this.evidence.contributions.direct
  }

  get positional(): number {
    return this.evidence.contributions.positional
  }

  get remainder(): number {
    return this.evidence.contributions.remainder
  }

  // The weights of every head of the last layer, [head][position].
  get attention(): number[][] {
    const { n_heads } = this.evidence.subject.model
    return this.once('attention', () => Array.from({ length: n_heads }, (_, head) => this.evidence.attention(this.n_layers - 1, head)))
  }

  // Where each head of the last layer looks most; null where it looks at several positions equally.
  get tops(): (number | null)[] {
    return this.attention.map((row) => {
      const first = firstOf(row)
      return first.length === 1 ? first[0] : null
    })
  }

  get coding(): Split | null {
    const split = this.evidence.coding
    if (split === null) return null
    const { pattern, value, direct, total } = split
    const shares = { pattern_share: split.share('pattern'), value_share: split.share('value'), direct_share: split.share('direct') }
    return { pattern, value, direct, total, ...shares }
  }

  get mechanism(): string {
    return this.evidence.mechanism
  }

  get n_layers(): number {
    return this.evidence.subject.model.n_layers
  }

  get loss(): number {
    return this.evidence.subject.meanLoss
  }

  get bigram_floor(): number {
    return this.evidence.subject.corpus.bigramFloor()
  }

  get finite(): boolean {
    return this.evidence.subject.finite
  }

  get eye(): EyeRecord | null {
    return this.evidence.eye
  }

  get named(): readonly Named[] {
    const ofSource = ({ kind, position }: Part) => (kind === 'source' && position !== null ? this.spelled[position] : null)
    return this.once('named', () => this.evidence.ablations.parts.map((part) => new Named(part, ofSource(part))))
  }

  get gives(): readonly number[] {
    return this.once('gives', () => {
      const { bySource, direct, positional } = this.evidence.contributions
      const others: Partial<Record<string, number>> = { 'direct:token': direct, 'direct:position': positional }
      return this.evidence.ablations.parts.map(({ kind, position }) =>
        kind === 'source' && position !== null ? bySource[position] : (others[kind] ?? NaN),
      )
    })
  }

  // Nothing changes without it.
  get unchanged(): readonly boolean[] {
    return this.once('unchanged', () => this.evidence.ablations.changesNothing)
  }

  // By ablation what is predicted instead; nothing where that is what was predicted before.
  get otherwise(): Partial<Record<number, Record<string, string[]>>> {
    return this.once('otherwise', () => {
      const { predictsOtherwise, winners, kinds } = this.evidence.ablations
      const found: Record<number, Record<string, string[]>> = {}
      predictsOtherwise.forEach((row, part) =>
        row.forEach((is, kind) => {
          if (is) (found[part] ??= {})[kinds[kind]] = this.wordsOf(winners[part][kind])
        }),
      )
      return found
    })
  }

  // Every part, by its number.
  get tested(): readonly TestedPart[] {
    return this.once('tested', () => {
      const { ablations, findings, sourceClaims } = this.evidence
      const { parts, names, kinds, after, flips, disagree } = ablations
      return parts.map((part, number) => ({
        ...{ part, ...this.lookedAt(part, names[number]), contribution: this.gives[number] },
        claim: part.kind === 'source' ? sourceClaims[part.position!] : '',
        after: Object.fromEntries(kinds.map((kind, nth) => [kind, after[number][nth].difference])),
        flips: kinds.filter((_, nth) => flips[number][nth]),
        ...{ finding: findings[number], disagree: disagree[number], predicts: this.otherwise[number] ?? {}, spelling: spelling(part) },
      }))
    })
  }

  // A part's name, a source's by its word alone; its place, a head's where it looks most; and how much it is looked at, or looks there.
  private lookedAt(part: Part, name: string): Pick<TestedPart, 'name' | 'position' | 'attention'> {
    const { kind, layer, head, position } = part
    if (kind === 'source') {
      const weights = this.attention.map((row) => row[position!])
      const attention = weights.reduce((sum, weight) => sum + weight, 0) / weights.length
      return { name: this.words[position!], position, attention }
    }
    if (kind !== 'head') return { name, position, attention: NaN }
    const row = this.evidence.attention(layer!, head!)
    const attention = Math.max(...row)
    return { name, position: row.indexOf(attention), attention }
  }

  // What became of the choice when pattern or values were exchanged with the other sentence, a row a direction.
  get patches(): readonly Patched[] {
    return this.once('patches', () => {
      const effects = this.evidence.patches
      if (effects === null) return []
      const { after, flips, winners, kinds } = effects
      return effects.names.flatMap((what, number) =>
        kinds.map((direction, way) => ({
          ...{ what, direction, before: effects.beforeOf(way).difference, after: after[number][way].difference },
          ...{ flips: flips[number][way], predicts: this.wordsOf(winners[number][way]) },
        })),
      )
    })
  }

  // Everything that is said of it, what matters most first.
  get clauses(): readonly Clause[] {
    return this.once('clauses', () => [...clausesOf(this)])
  }

  // What the run does here, in at most 40 words.
  get sentence(): string {
    return sentenceOf(this.clauses)
  }

  // What its sentence leaves out; nothing where it has it all.
  get more(): string {
    return moreOf(this.clauses)
  }

  // The comparison as a formula.
  get pair(): string {
    return pairWords(this.target, this.rivals)
  }

  // It as plain data, in Python's order.
  toDict() {
    const { sentence, words, sequence, place, target, rivals, other, other_sequence, predicted, predicted_probability } = this
    const { probability, other_probability, difference, other_difference, lead, other_lead, same, little } = this
    const { right_there, runners_up, tied, direct, positional, remainder, attention } = this
    const { coding, patches, mechanism, n_layers, loss, bigram_floor, finite, eye, sets } = this
    const of = (...kinds: string[]) => this.tested.filter(({ part }) => kinds.includes(part.kind))
    const others = this.tested.filter(({ part }) => part.kind !== 'source' && part.kind !== 'head')
    return {
      ...{ sentence, clauses: this.clauses.map((clause) => clause.toDict()) },
      ...{ words, sequence, place, target, rivals, other, other_sequence, predicted, predicted_probability },
      ...{ probability, other_probability, difference, other_difference, lead, other_lead, same, little },
      ...{ right_there, runners_up, tied, direct, positional, remainder, sources: of('source'), attention, heads: of('head'), others },
      ...{ coding, patches, mechanism, n_layers, loss, bigram_floor, finite, eye: bare(eye), sets },
    }
  }
}
