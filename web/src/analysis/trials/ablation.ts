// Take a part away: it becomes zero, its mean, what it is elsewhere, or it can no longer be looked at.
//
// Four ablations, always side by side because they are known to disagree:
//
//     zero      the part is 0
//     mean      the part's mean over the corpus' sentences that have the same place
//     resample  what the part is at the choice's other places, aligned with this one; the worst of them counts
//     mask      attention knock-out: the scores of the part's keys are left out of the softmax, and the other keys share its weight
//
// A head that is ablated writes the replacement of its z. An ablated edge is what the head read there, pattern[q, s] · v_s W_O, replaced;
// the other weights of the row stay, except under the mask. A query whose every key is masked reads nothing. Heads, the direct path and
// positions are no keys: masking them is not possible. Position embeddings are the same in every sentence: their mean is over positions,
// and they are resampled from the position before.
// Sources: Chan et al. 2022, Causal Scrubbing; Zhang & Nanda 2024, Towards Best Practices of Activation Patching; Geva et al. 2023,
// Dissecting Recall of Factual Associations (attention knock-out).

import type { Edit } from '../../kernel/asked'
import type { Choice } from '../choice'
import { nameOf, type Part } from '../part'
import type { Subject } from '../subject'
import { type Effects, effectsOf } from './effects'
import { STAYS } from './interventions'
import { findPart, type Named, partsAt } from './model_parts'
import { KINDS, placesOf, type Way, ways } from './ways'

// Take parts away, each in all ways that are possible, and return what that does to the choice.
//
// parts: as `findPart` takes them; by default every source position, every head where there are several, both direct parts, all positions.
// Throws the problem of a part that does not exist.
export function ablate(subject: Subject, choice: Choice, parts?: readonly Named[]): Effects {
  const { sequence } = choice.place
  const taken = parts ? parts.map((part) => findPart(subject, sequence, part)) : partsAt(subject, choice.place)
  const groups = ways(subject, choice, taken).map((kinds) =>
    kinds.map((some) => some.map((way) => ({ sequence, changes: (of: Subject) => changesOf(of, way) }))),
  )
  const names = taken.map((part) => nameOf(part, subject.corpus, sequence))
  return effectsOf(subject, choice, names, groups, KINDS, [choice.place], taken)
}

// What is changed while a model computes when a part is taken away in one way.
function changesOf(subject: Subject, way: Way): Edit[] {
  const { part, kind, sequence } = way
  switch (part.kind) {
    case 'source':
      return [edge(way, { key: part.position! })]
    case 'edge':
      return [edge(way, { key: part.position!, at: part.query!, ...headOf(part) })]
    case 'head':
      return [change(way, 'z', headOf(part))]
    case 'token': {
      const places = placesOf(subject.corpus.tokens[sequence], part.token!)
      return places.map((at) => (kind === 'mask' ? edge(way, { key: at }) : change(way, 'token', { at })))
    }
    case 'direct:token':
      return [change(way, 'direct_token')]
    case 'direct':
      return [change(way, 'direct_token'), ...(subject.model.positions ? [positions(subject, way, 'direct_position')] : [])]
    case 'direct:position':
      return [positions(subject, way, 'direct_position')]
    case 'positions':
      return [positions(subject, way, 'position')]
  }
}

type Where = Pick<Edit, 'layer' | 'head' | 'at' | 'key'>

const headOf = ({ layer, head }: Part): Where => (layer === null || head === null ? {} : { layer, head })

const edge = (way: Way, where: Where): Edit =>
  way.kind === 'mask' ? { what: 'scores', how: 'mask', ...where } : change(way, 'edge', where)

function change({ kind, donor }: Way, what: Edit['what'], where: Where = {}): Edit {
  if (donor) return { what, how: 'from', ...where, donor: donor.sequence, there: donor.positions }
  return { what, how: kind as 'zero' | 'mean', ...where }
}

function positions({ corpus }: Subject, { kind, sequence }: Way, what: 'position' | 'direct_position'): Edit {
  if (kind !== 'resample') return { what, how: kind }
  const length = corpus.lengths[sequence]
  const there = Array.from({ length: corpus.n_ctx }, (_, at) => (at < length ? (at + length - 1) % length : STAYS))
  return { what, how: 'from', donor: sequence, there }
}
