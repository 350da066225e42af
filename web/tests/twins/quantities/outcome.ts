import { FINISHED } from '../../../src/kernel/training'
import type { Twin } from '../twin'

export const said = ({ outcome, finalLoss }: Twin) => ({
  outcome: outcome === FINISHED ? 'finished' : `diverged at step ${outcome}`,
  finished: outcome === FINISHED,
  final_loss: finalLoss,
})
