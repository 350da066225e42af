// What is explained: why one token and not another comes next at one place, against another place where it is the other's.

import { nearest } from '../data/alignment'
import type { Place } from '../data/batch'
import type { Corpus } from '../data/corpus'
import type { Dependency } from '../data/dependencies'
import { problem, Problems } from '../errors'
import { listing, shortRepr } from '../notation/values'
import { TIE } from './looking/predictions'
import type { Subject } from './subject'
import { filled, PHRASES } from './words'

export type { Place }

// The choice between a place's target and its rivals: D = logit(target) - mean over rivals of logit(rival).
export interface Choice {
  place: Place
  target: number
  rivals: number[] // several that the model holds equal to 1e-9
  // The places nearest in content at which a rival is the target of the same current token, or, where no rival ever is, an
  // alternative: all that are equally near, each content once, that first at which the rivals are least ahead.
  others: Place[]
  alternatives: number[] // every other target of the current token in the corpus
}

// Of the other places the hardest, where the rivals are least ahead of the target.
export const otherOf = ({ others }: Choice): Place | null => others[0] ?? null

// The comparison as a formula.
export const formulaOf = ({ target, rivals }: Choice, { vocabulary }: Corpus): string =>
  pairWords(
    vocabulary[target],
    rivals.map((rival) => vocabulary[rival]),
  )

export const pairWords = (target: string, rivals: readonly string[]): string =>
  filled(rivals.length === 1 ? PHRASES.pair : PHRASES.pair_of_several, { target, rivals: rivals.join(', ') })

// Where the target is predicted, or tied for it, its rivals are the strongest of the corpus' alternatives at that place; where
// something else is, the rivals are what the model predicts. What is equal to 1e-9 is taken together. A choice stays what it is.
export function choiceOf(subject: Subject, asked: Dependency | Choice): Choice {
  if ('rivals' in asked) return asked
  return inCommon(subject, asked, subject.clean.logits(asked.sequence, asked.position))
}

// One choice for every dependency that what the model sees settles.
export function choices(subject: Subject): Choice[] {
  return dependenciesOf(subject).map((item) => inCommon(subject, item, finiteLogits(subject, item)))
}

export interface Where {
  sequence?: unknown
  position?: unknown // its number, or a word that the sentence holds once
  tokens?: readonly [unknown, unknown] | null // the first one preferred
}

// The choice at a place, by default the corpus' first; what is left out takes its default. What exists is listed.
export function choiceAt(subject: Subject, { sequence = null, position = null, tokens = null }: Where = {}): Choice {
  const found = sequence === null && position === null ? choices(subject)[0] : atPlace(subject, sequence, position)
  if (tokens === null) return found
  const [target, rival] = tokens.map((token) => subject.token(token))
  if (target === rival) throw new Problems(problem(`tokens must be two different ones, got ${shortRepr(tokens[0])} twice`))
  return against(subject, found.place, target, [rival], found.alternatives)
}

function atPlace(subject: Subject, sequence: unknown, position: unknown): Choice {
  const row = subject.sequence(sequence ?? 0)
  if (position === null) {
    const every = dependenciesOf(subject)
    const here = every.find((item) => item.sequence === row)
    if (here) return inCommon(subject, here, finiteLogits(subject, here))
    const known = listing(
      every.map((item) => `sequence ${item.sequence}, position ${item.position}`),
      '; ',
    )
    throw new Problems(problem(`a dependency must be one of: ${known}; got sequence ${row}, which has none`))
  }
  const place = { sequence: row, position: subject.position(row, position) }
  const open = subject.corpus.dependencies(subject.model).find((item) => samePlace(item, place))
  if (open) return inCommon(subject, open, finiteLogits(subject, open))
  const target = subject.corpus.targets[row][place.position]
  if (target < 0) {
    const said = `the position must have a target, got ${shortRepr(position)}, which has none: name two tokens`
    throw new Problems(problem(said))
  }
  // Nothing is confused with the target here: whatever the model holds strongest serves to say what speaks for it.
  const others = subject.corpus.vocabulary.map((_, token) => token).filter((token) => token !== target)
  return { place, target, rivals: rivalsOf(finiteLogits(subject, place), target, others), others: [], alternatives: [] }
}

const samePlace = (one: Place, other: Place) => one.sequence === other.sequence && one.position === other.position

function inCommon(subject: Subject, item: Dependency, logits: Float64Array): Choice {
  const { sequence, position, target, alternatives } = item
  const choice = against(subject, { sequence, position }, target, rivalsOf(logits, target, alternatives), alternatives)
  if (choice.others.length < 2) return choice
  const first = equallyHard(subject, choice).indexOf(true)
  return { ...choice, others: [choice.others[first], ...choice.others.filter((_, number) => number !== first)] }
}

export const logitsElsewhere = ({ clean }: Subject, { others }: Choice): Float64Array[] =>
  others.map(({ sequence, position }) => clean.logits(sequence, position))

// Which of a choice's other places are the hardest, all that are equal to 1e-9: where the rivals are least ahead of the target, and of
// several such where the target is most likely.
export function equallyHard(subject: Subject, choice: Choice): boolean[] {
  const { others, target } = choice
  const numbered = (value: number) => (Number.isNaN(value) ? 0 : Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE))
  const ahead = logitsElsewhere(subject, choice).map((logits) => numbered(aheadOf(logits, choice)))
  const likely = others.map(({ sequence, position }) => numbered(subject.probabilitiesAt(sequence, position)[target]))
  const least = Math.min(...ahead) + TIE
  const most = Math.max(...likely.filter((_, number) => ahead[number] <= least)) - TIE
  return others.map((_, number) => ahead[number] <= least && likely[number] >= most)
}

// How far the rivals are ahead of the target: mean over rivals of logit(rival) - logit(target).
export function aheadOf(logits: Float64Array, { rivals, target }: Pick<Choice, 'rivals' | 'target'>): number {
  return rivals.reduce((sum, rival) => sum + logits[rival], 0) / rivals.length - logits[target]
}

// A model's logits at a place; where one is no finite number, none of them counts.
function finiteLogits({ clean }: Subject, { sequence, position }: Place): Float64Array {
  const logits = clean.logits(sequence, position)
  return logits.every(Number.isFinite) ? logits : new Float64Array(logits.length)
}

// The tokens that the target is held against.
function rivalsOf(given: Float64Array, target: number, alternatives: readonly number[]): number[] {
  const logits = given.map((logit) => (Number.isFinite(logit) ? logit : 0))
  const strongest = (of: readonly number[]) => {
    const most = Math.max(...of.map((token) => logits[token])) - TIE
    return of.filter((token) => logits[token] >= most)
  }
  const first = strongest(Array.from(logits, (_, token) => token))
  return first.includes(target) ? strongest([...alternatives].sort((one, other) => one - other)) : first
}

function against(subject: Subject, place: Place, target: number, rivals: number[], alternatives: number[]): Choice {
  const near = nearestPlaces(subject, place, rivals)
  return { place, target, rivals, others: near.length ? near : nearestPlaces(subject, place, alternatives), alternatives }
}

// Where one of some targets follows a place's token, of all such places those nearest to it in content.
export function nearestPlaces({ corpus, model, setting }: Subject, place: Place, targets: readonly number[]): Place[] {
  const { sequence, position } = place
  const token = corpus.tokens[sequence][position]
  return setting.once(`nearest to ${sequence} ${position} with ${targets.join()}`, () => {
    const places = setting.placesOf(token).filter(({ target }) => targets.includes(target))
    const plain = places.map(({ sequence, position }) => ({ sequence, position }))
    return nearest(corpus.tokens, place, plain, model.causal)
  })
}

// The dependencies that what the model sees settles; what follows what is said where there is none.
export function dependenciesOf({ dependencies, corpus }: Subject): readonly Dependency[] {
  if (dependencies.length) return dependencies
  const these = (targets: number[]) => listing(targets.map((target) => `“${corpus.vocabulary[target]}”`), ' or ', 5) // prettier-ignore
  const following = [...successors(corpus)].map(([token, targets]) => `after “${corpus.vocabulary[token]}” comes ${these(targets)}`)
  const said =
    'a dependency must be a token that goes on differently in different places, with a prefix that tells how; this corpus has none'
  throw new Problems(problem(`${said}: ${listing(following, '; ')}`))
}

function successors({ tokens, targets }: Corpus): Map<number, number[]> {
  const found = new Map<number, number[]>()
  tokens.forEach((row, sequence) =>
    row.forEach((token, position) => {
      const target = targets[sequence][position]
      if (target < 0) return
      const known = found.get(token) ?? []
      found.set(token, known)
      if (!known.includes(target)) known.push(target)
    }),
  )
  return found
}
