// One trial on a run, as a frame: a part taken away, an activation of the other sentence, a row of the pattern set by hand.

import { choiceAt } from '../analysis/choice'
import { listed } from '../analysis/explanation/clauses'
import { Word } from '../analysis/part'
import type { Subject } from '../analysis/subject'
import { ablate } from '../analysis/trials/ablation'
import type { Effects } from '../analysis/trials/effects'
import { patch } from '../analysis/trials/patching'
import { setPattern } from '../analysis/trials/pattern_by_hand'
import { filled, TABLE } from '../analysis/words'
import { problem, Problems } from '../errors'
import type { Part, Trial, TrialOf } from '../protocol'
import { partValues } from './parts'

const SAID = TABLE.trials

// What becomes of a choice of a run after an intervention; throws the problem of what does not exist.
export function trialFrame({ subject }: { subject: Subject }, asked: TrialOf): Trial {
  const choice = () => choiceAt(subject, { sequence: asked.sequence ?? null, position: asked.position ?? null })
  if ('part' in asked) return without(subject, ablate(subject, choice(), [asked.part]))
  if ('patch' in asked) {
    const [name, title] = [SAID.patch, SAID.patched].map((text) => filled(text, { what: asked.patch }))
    return frame(patch(subject, choice(), asked.patch), name, title)
  }
  const { row, layer, head } = rowOf(asked)
  const effects = setPattern(subject, choice(), row, { layer, head })
  return frame(effects, SAID.row, SAID.row)
}

function without(subject: Subject, effects: Effects): Trial {
  const [part, { sequence }] = [effects.parts[0], effects.choice.place]
  const values = partValues(subject, part, sequence)
  const words = subject.corpus.sentences[sequence]
  const name = part.kind === 'source' ? Word.of(words, part.position!).toString() : effects.names[0]
  return frame(effects, values.spelling!, filled(SAID.part, { part: name }), values)
}

function frame(effects: Effects, name: string, title: string, part: Part | null = null): Trial {
  const said = predictionWords(effects, false)
  const rows = effects.table().map((row, nth) => ({ ...row, said: said[nth], possible: Number.isFinite(row.difference_after) }))
  return { kind: 'trial', id: 0, values: { name, part, title, rows }, arrays: {} }
}

// What is predicted after each intervention and kind, in the order of `Effects.table`; marks: with a mark where the kinds disagree
export function predictionWords(effects: Effects, marks = true): string[] {
  const [FOUND, otherwise, disagree] = [TABLE.findings, effects.predictsOtherwise, effects.disagree]
  return effects.names.flatMap((_, group) =>
    effects.kinds.map((_, kind) => {
      const tokens = effects.predicts(group, kind)
      if (!tokens.length) return FOUND.impossible
      const mark = marks && disagree[group] ? `${FOUND.disagree} ` : ''
      return mark + (otherwise[group][kind] ? firstWords(tokens) : FOUND.same)
    }),
  )
}

// What is predicted, in quotes: one token, or several that share the first place.
export const firstWords = (tokens: readonly string[]): string =>
  listed(
    tokens.map((token) => new Word(token)),
    'or',
  )

function rowOf({ row, layer = 0, head = 0 }: Extract<TrialOf, { row: unknown }>) {
  const weights = Object.entries(row ?? {}).map(([key, weight]) => [whole(key), Number(weight)] as const)
  return { row: weights, layer: whole(layer), head: whole(head) }
}

function whole(given: unknown): number {
  const number = typeof given === 'string' && !/^\s*[+-]?\d+\s*$/.test(given) ? NaN : Math.trunc(Number(given))
  if (Number.isFinite(number)) return number
  throw new Problems(problem('a row must be weights by position, layer and head whole numbers: give them as such'))
}
