import { choiceAt } from '../../../src/analysis/choice'
import { claims, verdicts } from '../../../src/analysis/explanation/claims'
import { partOf } from '../../../src/analysis/part'
import { ablate } from '../../../src/analysis/trials/ablation'
import type { Twin } from '../twin'

export function said({ subject }: Twin) {
  if (!subject.dependencies.length) return null
  const choice = choiceAt(subject)
  const query = choice.place.position
  const keys = [...Array(query + 1).keys()]
  const layers = [...new Set([0, subject.model.n_layers - 1])]
  const edges = layers.flatMap((layer) => keys.map((position) => partOf('edge', { layer, head: 0, position, query })))
  const parts = [...keys.map((position) => partOf('source', { position })), ...edges]
  const foretold = claims(subject, choice, parts)
  return {
    difference: foretold.after.map((kinds) => kinds.map(({ difference }) => difference)),
    probability: foretold.after.map((kinds) => kinds.map(({ probability }) => probability)),
    claims: verdicts(foretold),
    verdicts: verdicts(ablate(subject, choice, parts)),
  }
}
