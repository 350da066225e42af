import { type Choice, choiceOf, choices, formulaOf } from '../../../src/analysis/choice'
import type { Twin } from '../twin'

export function said({ subject }: Twin) {
  const { dependencies, corpus } = subject
  if (!dependencies.length) return null
  const each = [...choices(subject), ...dependencies.map((item) => choiceOf(subject, item))]
  return each.map((choice) => ({ ...inOrder(choice), formula: formulaOf(choice, corpus) }))
}

const inOrder = ({ place, target, rivals, others, alternatives }: Choice) => ({ place, target, rivals, others, alternatives })
