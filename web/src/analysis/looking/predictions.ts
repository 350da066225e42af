// What a model predicts, and whether that is right.

import type { Corpus } from '../../data/corpus'
import { TABLE, THRESHOLDS } from '../words'

export const TIE = THRESHOLDS.tie // of a logit: a lead smaller than this is rounding
export const HAIR_LOGITS = THRESHOLDS.hair // a smaller lead over the strongest rival is a hair

export const [SOLVED, HAIR, NOT_SOLVED, NOTHING_TO_SOLVE] = Object.keys(TABLE.grades)
export const GRADES = [SOLVED, HAIR, NOT_SOLVED]
export const WHY_NOTHING = `${NOTHING_TO_SOLVE}: ${(TABLE.grades as Record<string, string>)[NOTHING_TO_SOLVE]}`

// How far a token's logit is ahead of the strongest other one; below 0 where it is behind.
export function leadOf(logits: ArrayLike<number>, target: number): number {
  let rivals = -Infinity
  for (let token = 0; token < logits.length; token++) if (token !== target) rivals = Math.max(rivals, logits[token])
  return logits[target] - rivals
}

// All logits of a run [sequence, position, d_vocab], and where it can be right.
export interface Judged {
  logits: Float64Array
  corpus: Corpus
  resolvable: readonly (readonly boolean[])[]
  goal?: number // the share of the resolvable places that must be right; left out: all
}

// The lead at the position that the goal hangs on, NaN where a logit is no finite number; null where no position is resolvable.
export function decisiveLead({ logits, corpus, resolvable, goal = 1 }: Judged): number | null {
  const { n_ctx, d_vocab } = corpus
  const leads: number[] = []
  let finite = true
  for (let sequence = 0; sequence < corpus.n_sequences; sequence++) {
    for (let position = 0; position < n_ctx; position++) {
      if (!resolvable[sequence][position]) continue
      const at = (sequence * n_ctx + position) * d_vocab
      const shown = logits.subarray(at, at + d_vocab)
      finite &&= shown.every(Number.isFinite)
      leads.push(leadOf(shown, corpus.targets[sequence][position]))
    }
  }
  if (!leads.length) return null
  const needed = Math.ceil(goal * leads.length - 1e-9)
  return finite ? Float64Array.from(leads).sort()[leads.length - needed] : NaN
}

// finished: whether its training did not diverge
export function gradeOf(judged: Judged, finished = true): string {
  const lead = decisiveLead(judged)
  if (lead === null) return NOTHING_TO_SOLVE
  if (!(lead > TIE && finished)) return NOT_SOLVED
  return lead >= HAIR_LOGITS ? SOLVED : HAIR
}
