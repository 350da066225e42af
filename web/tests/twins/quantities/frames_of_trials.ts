import { Problems } from '../../../src/errors'
import type { TrialOf } from '../../../src/protocol'
import { trialFrame } from '../../../src/work/trial'
import type { Twin, Twins } from '../twin'

export const of = 'problem'

export function said(twins: Twins) {
  const asked = twins.line.said.frames_of_trials as unknown as [TrialOf, unknown][]
  return asked.map(([one], number) => [one, answer(twins.each[0], one, !number)])
}

// Of the rows the words alone where it is not the whole that is asked for; what is no number is null on the way.
function answer({ subject }: Twin, asked: TrialOf, whole: boolean) {
  try {
    const { rows, ...values } = trialFrame({ subject }, asked).values
    return { ...values, rows: whole ? (JSON.parse(JSON.stringify(rows)) as unknown) : rows.map(({ said, possible }) => [said, possible]) }
  } catch (error) {
    if (error instanceof Problems) return error.problems
    throw error
  }
}
