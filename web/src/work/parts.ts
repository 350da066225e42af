// Parts of a model as frames have them: a part's fields, its name in a list, and its spelling; the page makes none of them up.

import { labelOf, type Part } from '../analysis/part'
import type { Subject } from '../analysis/subject'
import { findPart } from '../analysis/trials/model_parts'
import { spelling } from '../analysis/trials/spelling'
import { Problems } from '../errors'
import type { Part as Shown } from '../protocol'

// The spelling is null where a part cannot be taken away by itself.
export function partValues(subject: Subject, part: Part, sequence: number): Shown {
  return { ...part, name: labelOf(part, subject.corpus, sequence), spelling: spelled(subject, part, sequence) }
}

function spelled(subject: Subject, part: Part, sequence: number): string | null {
  try {
    return spelling(findPart(subject, sequence, part))
  } catch (error) {
    if (error instanceof Problems) return null
    throw error
  }
}
