// Take an activation from another sentence, in both directions.
//
// What is necessary shows when it is taken away from one side, what is sufficient when it is put into the other: a circuit that needs two
// parts (AND) is missed by one direction, one that has a spare part (OR) by the other.
// Source: Zhang & Nanda 2024, Towards Best Practices of Activation Patching.

import type { Edit } from '../../kernel/asked'
import { shortRepr } from '../../notation/values'
import { type Choice, otherOf } from '../choice'
import type { Subject } from '../subject'
import { problem, Problems } from '../../errors'
import { type Effects, effectsOf } from './effects'

export const PATCHES = ['q', 'k', 'v', 'z', 'pattern', 'scores', 'resid'] as const
type Patched = (typeof PATCHES)[number]

export interface PatchedAt {
  layer?: number | null // left out, as with head and position: all of them
  head?: number | null
  position?: number | string | null
}

// Patch activations from the other sentence into this one, and the other way round; both directions, always.
//
// what: one or several of q, k, v, z, pattern, scores, resid. Kinds are `into this` (donor: the other sentence) and `into other`.
// Throws the problem of what does not exist.
export function patch(subject: Subject, choice: Choice, what: string | readonly string[], at: PatchedAt = {}): Effects {
  const chosen = typeof what === 'string' ? [what] : what
  const wrong = chosen.find((name) => !isPatched(name))
  if (wrong !== undefined || !chosen.length)
    throw new Problems(problem(`what to patch must be one of ${PATCHES.join(', ')}; got ${shortRepr(wrong ?? 'nothing')}`))
  const [here, there] = [choice.place, otherOf(choice)]
  if (there === null || there.sequence === here.sequence)
    throw new Problems(
      problem('patching must have another sentence in which the same token goes on with the rival, and this corpus has none: add one'),
    )
  const { corpus, model } = subject
  const layer = at.layer == null ? undefined : subject.layerAndHead(at.layer, 0)[0]
  const head = at.head == null ? undefined : subject.layerAndHead(0, at.head)[1]
  const lengths = [corpus.lengths[here.sequence], corpus.lengths[there.sequence]]
  if (!model.causal && lengths[0] !== lengths[1] && (chosen.includes('pattern') || chosen.includes('scores')))
    throw new Problems(
      problem(
        `sentences must be of one length to patch a pattern without the causal mask, got ${lengths.join(' and ')}: patch q, k, v or z`,
      ),
    )
  const position = at.position == null ? undefined : subject.position(here.sequence, at.position)
  if (position !== undefined) subject.position(there.sequence, position)
  const ways = [
    [here.sequence, there.sequence],
    [there.sequence, here.sequence],
  ]
  const groups = (chosen as Patched[]).map((name) => {
    // The donor's, at the positions that both sentences have.
    const change: Edit = { what: name, how: 'from', layer, head: name === 'resid' ? undefined : head, at: position }
    return ways.map(([sequence, donor]) => [{ sequence, changes: () => [{ ...change, donor }] }])
  })
  return effectsOf(subject, choice, chosen, groups, ['into this', 'into other'], [here, there])
}

const isPatched = (name: string): name is Patched => (PATCHES as readonly string[]).includes(name)
