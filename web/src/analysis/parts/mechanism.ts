// What a run does, as one word, from measured quantities.

import type { Dependency } from '../../data/dependencies'
import { aheadOf, type Choice, choiceOf, logitsElsewhere } from '../choice'
import { HAIR_LOGITS, leadOf, NOT_SOLVED, TIE } from '../looking/predictions'
import type { Subject } from '../subject'
import { filled, PHRASES, TABLE, THRESHOLDS } from '../words'
import { type Coding, coding, readyForMany } from './coding'

const MAIN = THRESHOLDS.main // a part that is at least twice all others together
const AGAINST = -THRESHOLDS.against // a part that takes back more than this: the parts oppose each other, and shares mean little
const NEAR_BIGRAM = THRESHOLDS.near_bigram // of what knowing the answer would gain over the current token alone

export const MEANINGS: Record<string, string> = TABLE.mechanisms
export const MECHANISMS = Object.keys(MEANINGS)
export const [VALUE, PATTERN, MIXED, POSITION, UNCLASSIFIED, HAIR, BIGRAM, OTHER] = MECHANISMS

interface Judged {
  toldApart: boolean // the most likely token is the target here, and the rival is preferred wherever it is right
  hair: boolean // the target's lead here is below half a logit
  tokenAlone: boolean // the current token alone tells what is predicted, with about the loss that this leaves
  split: Coding | null // how the change of the logit difference between both places falls into parts
}

// The mechanism by which one dependency is coded; src/headlab/analysis/parts/mechanism.py lists what each is.
export function classify({ toldApart, hair, tokenAlone, split }: Judged): string {
  if (!toldApart) return tokenAlone ? BIGRAM : OTHER
  if (hair) return HAIR
  if (!split) return UNCLASSIFIED
  const shares = [split.share('value'), split.share('pattern'), split.share('direct')]
  if (!shares.every((share) => share >= AGAINST)) return UNCLASSIFIED
  const main = shares.map((share) => share >= MAIN).lastIndexOf(true)
  return main < 0 ? MIXED : [VALUE, PATTERN, POSITION][main]
}

export interface Coded {
  mechanism: string
  patternShare: number // NaN where the dependency is not told apart, or cannot be compared
}

// By which mechanism a model codes one dependency.
export function mechanismAt(subject: Subject, asked: Dependency | Choice): Coded {
  const choice = choiceOf(subject, asked)
  const apart = toldApart(subject, choice)
  const split = apart ? coding(subject, choice) : null // else nobody reads it, and of many places it takes time
  return { mechanism: mechanismOfChoice(subject, choice, split), patternShare: apart && split ? split.share('pattern') : NaN }
}

// The same of a choice, from its coding split.
export function mechanismOfChoice(subject: Subject, choice: Choice, split: Coding | null): string {
  const { sequence, position } = choice.place
  const token = subject.corpus.tokens[sequence][position]
  const apart = toldApart(subject, choice)
  const tokenAlone = !apart && subject.goesByTokenAlone(token) && subject.nearBigram(token)
  return classify({ toldApart: apart, hair: leadAt(subject, choice) < HAIR_LOGITS, tokenAlone, split })
}

// The most likely token is the target here, and the rivals are ahead of it at every other place.
export const toldApart = (subject: Subject, choice: Choice): boolean =>
  subject.finite && leadAt(subject, choice) > TIE && rivalsAhead(subject, choice) > TIE

// By how many logits the target leads the strongest other token at the place; below 0 where it is behind.
export const leadAt = ({ clean }: Subject, { place, target }: Choice): number =>
  leadOf(clean.logits(place.sequence, place.position), target)

// How far the rivals are ahead of the target where one is right, at the hardest place; Infinity where there is none.
export const rivalsAhead = (subject: Subject, choice: Choice): number =>
  Math.min(...logitsElsewhere(subject, choice).map((logits) => aheadOf(logits, choice)))

// The mean loss is within a third of the gap between the floors from the bigram floor.
export function isNearBigramFloor({ setting: { floor, bigramFloor }, meanLoss }: Subject): boolean {
  return Math.abs(meanLoss - bigramFloor) <= NEAR_BIGRAM * (bigramFloor - floor)
}

// The mechanism of a run from those of its dependencies, and its grade: where it is not solved, by its loss; otherwise the one that all
// share, or mixed.
export function mechanismOf(subject: Subject, each: readonly string[]): string {
  if (subject.grade === HAIR) return HAIR
  if (subject.grade === NOT_SOLVED || !subject.finite) {
    const alone = () => subject.setting.open.every((token) => subject.goesByTokenAlone(token))
    return isNearBigramFloor(subject) && alone() ? BIGRAM : OTHER
  }
  const shared = each.every((name) => name === each[0]) ? each[0] : MIXED
  // A dependency may be right here while its other place, which no prefix settles, is not.
  return [HAIR, BIGRAM, OTHER].includes(shared) ? UNCLASSIFIED : shared
}

// A run's mechanism by all of its dependencies; '' where it has none, and nothing is to explain.
export function mechanismOfRun(subject: Subject): string {
  const { dependencies } = subject
  if (!dependencies.length) return ''
  return mechanismOf(subject, isCoded(subject) ? dependencies.map((item) => mechanismAt(subject, item).mechanism) : [])
}

// The same of many runs of one setting, with as few calls of the kernel as there are different choices; a dependency a piece.
export function* mechanismsOf(subjects: readonly Subject[]): Generator<void, string[]> {
  const coded = subjects.filter(isCoded)
  const names = new Map(coded.map((subject) => [subject, [] as string[]]))
  for (const item of coded[0]?.dependencies ?? []) {
    const groups = new Map<string, { choice: Choice; some: Subject[] }>()
    for (const subject of coded) {
      const choice = choiceOf(subject, item)
      const key = choice.rivals.join()
      const group = groups.get(key) ?? { choice, some: [] }
      groups.set(key, group)
      if (toldApart(subject, choice)) group.some.push(subject)
    }
    for (const { choice, some } of groups.values()) if (some.length) readyForMany(some, choice)
    for (const subject of coded) {
      names.get(subject)!.push(mechanismAt(subject, item).mechanism)
      subject.adjoints.clear()
    }
    yield
  }
  return subjects.map((subject) => (subject.dependencies.length ? mechanismOf(subject, names.get(subject) ?? []) : ''))
}

// How its dependencies are coded is asked of a run.
const isCoded = ({ grade, finite }: Subject): boolean => grade !== HAIR && grade !== NOT_SOLVED && finite

// On how many of a run's dependencies it goes by which mechanism, in words; nothing where all share one.
export function spreadOf(each: readonly string[]): string {
  const counts = MECHANISMS.map((mechanism) => ({ mechanism, some: each.filter((name) => name === mechanism).length }))
  const told = counts.filter(({ some }) => some).sort((one, other) => other.some - one.some)
  if (told.length < 2) return ''
  return told.map((one, at) => filled(at ? PHRASES.and_spread : PHRASES.spread, { ...one, all: each.length })).join(', ')
}
