import { type Choice, choiceAt } from '../../../src/analysis/choice'
import { type Part, partOf } from '../../../src/analysis/part'
import type { Subject } from '../../../src/analysis/subject'
import { ablate } from '../../../src/analysis/trials/ablation'
import type { Effects } from '../../../src/analysis/trials/effects'
import { PATCHES, patch } from '../../../src/analysis/trials/patching'
import { setPattern } from '../../../src/analysis/trials/pattern_by_hand'
import { Problems } from '../../../src/errors'
import type { Twin } from '../twin'

export function said({ subject }: Twin) {
  if (!subject.dependencies.length) return null
  const choice = choiceAt(subject)
  const { sequence, position } = choice.place
  const last = subject.model.n_layers - 1
  const keys = [...Array(position + 1).keys()]
  const edgesOf = (layer: number) => keys.slice(0, 2).map((key) => partOf('edge', { layer, head: 0, position: key, query: position }))
  const edges = [...new Set([0, last])].flatMap(edgesOf)
  const token = partOf('token', { token: subject.corpus.tokens[sequence][position] })
  const without = (...parts: Part[]) => ablate(subject, choice, parts)
  const row = keys.map((key) => [key, 1 / keys.length] as const)
  return {
    parts: effects(ablate(subject, choice)),
    others: effects(without(token, ...edges, partOf('edge', { position: 0, query: position }))),
    patches: patches(subject, choice),
    row: effects(setPattern(subject, choice, row, { layer: last })),
  }
}

function patches(subject: Subject, choice: Choice) {
  try {
    const at = effects(patch(subject, choice, 'v', { layer: 0, head: 0, position: choice.place.position }))
    return [effects(patch(subject, choice, PATCHES)), at]
  } catch (error) {
    if (error instanceof Problems) return error.message
    throw error
  }
}

const effects = (found: Effects) => ({
  names: found.names,
  kinds: found.kinds,
  before: [found.before.map(({ difference }) => difference), found.before.map(({ probability }) => probability)],
  difference: found.after.map((kinds) => kinds.map(({ difference }) => difference)),
  probability: found.after.map((kinds) => kinds.map(({ probability }) => probability)),
  moves: found.moves,
  flips: found.flips,
  nothing: found.changesNothing,
  disagree: found.disagree,
})
