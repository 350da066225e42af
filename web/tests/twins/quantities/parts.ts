import { choices } from '../../../src/analysis/choice'
import { coding, type Coding } from '../../../src/analysis/parts/coding'
import { contributions, pathName } from '../../../src/analysis/parts/contributions'
import { mechanismAt } from '../../../src/analysis/parts/mechanism'
import type { Twin } from '../twin'

export function said({ subject }: Twin) {
  if (!subject.dependencies.length) return null
  return choices(subject).map((choice) => {
    const found = contributions(subject, choice.place, choice.target, choice.rivals)
    const { mechanism, patternShare } = mechanismAt(subject, choice)
    return {
      paths: found.paths.map(pathName),
      total: found.total,
      direct: found.direct,
      positional: found.positional,
      by_source: found.bySource,
      by_path: found.byPath,
      by_last_head: found.byLastHead.map(({ head, gives }) => [...head, gives]),
      coding: splitOf(coding(subject, choice)),
      mechanism,
      shared: Number.isFinite(patternShare),
    }
  })
}

const splitOf = (split: Coding | null) =>
  split && {
    ...{ pattern: split.pattern, value: split.value, direct: split.direct, unpaired: split.unpaired },
    ...{ total: split.total, comparable: split.comparable },
    ...{ pattern_share: split.share('pattern'), value_share: split.share('value'), direct_share: split.share('direct') },
  }
