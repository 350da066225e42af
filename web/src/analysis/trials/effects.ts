// What an intervention does to one choice: the logit difference, the target's probability, the prediction; before and after.

import type { Choice, Place } from '../choice'
import { leadOf, TIE } from '../looking/predictions'
import type { Part } from '../part'
import type { Subject } from '../subject'
import { THRESHOLDS } from '../words'
import { intervene, type Intervention } from './interventions'

const DISAGREE = 0.5 // ablations disagree when their changes differ by more than this share of the clean logit difference
const SMALL_MOVE = THRESHOLDS.same // of the target's probability
const SMALL_CHANGE = THRESHOLDS.small // of a logit difference, as a share of itself

// One choice in one forward pass: all logits there, between a target and its rivals.
export class Prediction {
  readonly difference: number // logit(target) - mean over rivals of logit(rival)
  readonly winners: readonly number[] // the most likely tokens, all that share the first place; none where logits are no numbers
  readonly lead: number // how far the target's logit is ahead of the strongest other one; below 0 where it is behind

  constructor(
    readonly logits: Float64Array,
    readonly target: number,
    readonly rivals: readonly number[],
    private readonly shares: () => Float64Array,
  ) {
    this.difference = logits[target] - rivals.reduce((sum, rival) => sum + logits[rival], 0) / rivals.length
    this.lead = leadOf(logits, target)
    const first = Math.max(...logits) - TIE
    this.winners = [...logits.keys()].filter((token) => logits[token] >= first)
  }

  // Those of many forward passes, logits [case, d_vocab]; their probabilities are worked out together, when one is asked for.
  static each({ kernel, corpus: { d_vocab } }: Subject, logits: Float64Array, { target, rivals }: Choice): Prediction[] {
    let shares: Float64Array | undefined
    return Array.from({ length: logits.length / d_vocab }, (_, nth) => {
      const [start, end] = [nth * d_vocab, (nth + 1) * d_vocab]
      return new Prediction(logits.subarray(start, end), target, rivals, () =>
        (shares ??= kernel.softmax(logits, d_vocab)).subarray(start, end),
      )
    })
  }

  // Where nothing was possible: of no numbers.
  static none({ logits, target, rivals }: Prediction): Prediction {
    const nothing = new Float64Array(logits.length).fill(NaN)
    return new Prediction(nothing, target, rivals, () => nothing)
  }

  get probabilities(): Float64Array {
    return this.shares()
  }

  // The target's.
  get probability(): number {
    return this.probabilities[this.target]
  }

  // The most likely token.
  get best(): number {
    const first = this.logits.findIndex(Number.isNaN)
    return first >= 0 ? first : this.logits.indexOf(Math.max(...this.logits))
  }

  // logit(target) - logit(other).
  leadsOver(others: readonly number[]): number[] {
    return others.map((other) => this.logits[this.target] - this.logits[other])
  }
}

export interface EffectRow {
  intervention: string
  kind: string
  difference_before: number
  difference_after: number
  change: number
  probability_before: number
  probability_after: number
  flips: boolean
  predicts: string | null // the most likely token then, or those that share the first place; null where the kind was not possible
  disagree: boolean
}

type Cell<Item> = readonly (readonly Item[])[] // [group][kind]

// What each of some interventions does to a choice.
export class Effects {
  // The choice after each kind: after the trial in which the target leads least; no numbers without any.
  readonly after: Cell<Prediction>
  // The most likely tokens then, all that share the first place. Of trials after which the target leads equally little, those of each.
  readonly winners: Cell<readonly number[]>
  private readonly tried: Cell<readonly Prediction[]>

  // names: the interventions' groups (one a part, or one an activation that is patched); kinds: what was done in each group
  // tokens: what every token is called
  // before: the choice, a kind each, or one for all kinds; trials: the same after each forward pass
  // cells: which group and kind each trial belongs to, group · kinds + kind; a kind that was not possible has no trial, and
  // resampling has one for each place from which it was done
  // parts: what was ablated, a part a group; none of other interventions
  constructor(
    readonly choice: Choice,
    readonly names: readonly string[],
    readonly kinds: readonly string[],
    readonly tokens: readonly string[],
    readonly before: readonly Prediction[],
    readonly trials: readonly Prediction[],
    readonly cells: readonly number[],
    readonly parts: readonly Part[] = [],
  ) {
    const tried: Prediction[][] = Array.from({ length: names.length * kinds.length }, () => [])
    trials.forEach((trial, nth) => tried[cells[nth]].push(trial))
    this.tried = names.map((_, group) => tried.slice(group * kinds.length, (group + 1) * kinds.length))
    const worst = this.eachCell(this.tried, worstOf)
    const none = Prediction.none(before[0])
    this.after = this.eachCell(worst, ([shown]) => shown ?? none)
    this.winners = this.eachCell(worst, (least) => sorted(least.flatMap(({ winners }) => winners)))
  }

  beforeOf(kind: number): Prediction {
    return this.before[this.before.length > 1 ? kind : 0]
  }

  // How much the logit difference moved.
  get change(): number[][] {
    return this.eachCell(this.after, ({ difference }, kind) => difference - this.beforeOf(kind).difference)
  }

  // How far the target's probability moved, whichever way; of several trials the farthest.
  get moves(): number[][] {
    return this.eachCell(this.tried, (some, kind) =>
      some.length ? Math.max(...some.map(({ probability }) => Math.abs(probability - this.beforeOf(kind).probability))) : NaN,
    )
  }

  // The token predicted before is not among the most likely ones now; a tie with it is no flip.
  get flips(): boolean[][] {
    return this.eachCell(this.winners, (now, kind) => flipped(this.beforeOf(kind).winners, now))
  }

  // Other tokens are the most likely ones than before: a flip, or a tie with what was predicted.
  get predictsOtherwise(): boolean[][] {
    return this.eachCell(this.winners, (now, kind) => now.length > 0 && now.join() !== this.beforeOf(kind).winners.join())
  }

  // By group: nothing that was possible changes the answer, its probability or what speaks for it.
  //
  // no flip        in any trial
  // |Δ p(target)|  at most 0.05
  // |Δ D|          at most 10 % of |D|, for D = logit(target) - logit(other), every rival and every alternative of the corpus
  get changesNothing(): boolean[] {
    const others = sorted([...this.choice.rivals, ...this.choice.alternatives])
    return this.tried.map((kinds) =>
      kinds.every((some, kind) => {
        const before = this.beforeOf(kind)
        const clean = before.leadsOver(others)
        return some.every(
          (now) =>
            !(Math.abs(now.probability - before.probability) > SMALL_MOVE) &&
            now.leadsOver(others).every((lead, nth) => Math.abs(lead - clean[nth]) <= SMALL_CHANGE * Math.abs(clean[nth])) &&
            !flipped(before.winners, now.winners),
        )
      }),
    )
  }

  // By group: some kinds flip the prediction and others do not, or ablations change it by very different amounts.
  //
  // Very different: by more than half of the clean logit difference. Directions of patching start from different places: of them only
  // flips are compared.
  get disagree(): boolean[] {
    const [flips, change] = [this.flips, this.change]
    return this.after.map((kinds, group) => {
      const tried = kinds.map(({ difference }) => Number.isFinite(difference))
      const some = flips[group].some(Boolean) && !flips[group].every((flip, kind) => flip || !tried[kind])
      const changes = change[group].filter((_, kind) => tried[kind])
      if (this.before.length > 1 || !changes.length) return some
      return some || Math.max(...changes) - Math.min(...changes) > DISAGREE * Math.abs(this.before[0].difference)
    })
  }

  // What is predicted then: one token, or those that share the first place; none where nothing was possible.
  predicts(group: number, kind: number): string[] {
    return this.winners[group][kind].map((token) => this.tokens[token])
  }

  // A row an intervention and kind.
  table(): EffectRow[] {
    const [change, flips, disagree] = [this.change, this.flips, this.disagree]
    return this.names.flatMap((intervention, group) =>
      this.kinds.map((kind, nth) => {
        const [before, after] = [this.beforeOf(nth), this.after[group][nth]]
        return {
          ...{ intervention, kind, difference_before: before.difference, difference_after: after.difference },
          ...{ change: change[group][nth], probability_before: before.probability, probability_after: after.probability },
          ...{ flips: flips[group][nth], predicts: this.predicts(group, nth).join(', ') || null, disagree: disagree[group] },
        }
      }),
    )
  }

  private eachCell<From, To>(cells: Cell<From>, said: (from: From, kind: number) => To): To[][] {
    return cells.map((kinds) => kinds.map(said))
  }
}

// Make interventions, all of them in one call, and return what they do to a choice.
//
// names, groups: what each group is called, and its interventions, some a kind
// places: where each kind's prediction is read, or one place for all kinds
export function effectsOf(
  subject: Subject,
  choice: Choice,
  names: readonly string[],
  groups: readonly (readonly (readonly Intervention[])[])[],
  kinds: readonly string[],
  places: readonly Place[],
  parts: readonly Part[] = [],
): Effects {
  const every = groups.flat().flatMap((some, cell) => some.map((item) => ({ cell, item })))
  const at = every.map(({ cell }) => places[(cell % kinds.length) % places.length].position)
  const items = every.map(({ item }) => item)
  const [before, after] = [cleanLogits(subject, places), intervene(subject, items, at)]
  const each = (logits: Float64Array) => Prediction.each(subject, logits, choice)
  const cells = every.map(({ cell }) => cell)
  return new Effects(choice, names, kinds, subject.corpus.vocabulary, each(before), each(after), cells, parts)
}

// The logits at some places, [place, d_vocab], when nobody intervenes.
export function cleanLogits(subject: Subject, places: readonly Place[]): Float64Array {
  const found = new Float64Array(places.length * subject.corpus.d_vocab)
  places.forEach(({ sequence, position }, nth) => found.set(subject.clean.logits(sequence, position), nth * subject.corpus.d_vocab))
  return found
}

// Of trials of one kind those after which the target leads least; first the one to be shown.
function worstOf(some: readonly Prediction[]): readonly Prediction[] {
  if (some.length < 2) return some
  const least = lowest(some, ({ lead }) => lead)
  const worst = lowest(
    lowest(least, ({ difference }) => difference),
    ({ probability }) => probability,
  )
  return [worst[0], ...least.filter((trial) => trial !== worst[0])]
}

// Those whose value is the lowest, ties included; what is no number is lowest.
function lowest(some: readonly Prediction[], valueOf: (of: Prediction) => number): readonly Prediction[] {
  const values = some.map((trial) => (Number.isNaN(valueOf(trial)) ? -Infinity : valueOf(trial)))
  const limit = Math.min(...values) + TIE
  return some.filter((_, nth) => values[nth] <= limit)
}

// None of the most likely tokens before is among those now, which are known.
function flipped(before: readonly number[], now: readonly number[]): boolean {
  return before.length > 0 && now.length > 0 && !before.some((token) => now.includes(token))
}

const sorted = (tokens: readonly number[]) => [...new Set(tokens)].sort((one, other) => one - other)
