import { dependenciesOf } from '../../../src/analysis/choice'
import { MEANINGS, mechanismAt, mechanismOf, mechanismOfRun, MIXED, spreadOf } from '../../../src/analysis/parts/mechanism'
import { Problems } from '../../../src/errors'
import type { Twin } from '../twin'

export function said({ subject }: Twin) {
  try {
    const each = dependenciesOf(subject).map((item) => mechanismAt(subject, item).mechanism)
    const mechanism = mechanismOf(subject, each)
    if (mechanismOfRun(subject) !== mechanism) return 'not the same in one go'
    return { mechanism, meaning: (mechanism === MIXED && spreadOf(each)) || MEANINGS[mechanism] }
  } catch (error) {
    if (error instanceof Problems) return { nothing: error.message }
    throw error
  }
}
