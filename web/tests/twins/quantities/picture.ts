import type { Numbers } from '../../../src/protocol'
import { pictureFrame } from '../../../src/work/picture'
import type { Twin } from '../twin'

const EACH = 16 // of the curve
const some = ({ data }: Numbers) => data.filter((_, at) => at % EACH === 0)

export function said({ recorded }: Twin) {
  const { values, arrays } = pictureFrame(recorded)
  const { moments: steps, pattern, logits, loss_step, loss } = arrays
  const shapes = { moments: steps.shape, pattern: pattern.shape, logits: logits.shape, loss_step: loss_step.shape, loss: loss.shape }
  return { values, arrays: { moments: some(steps), loss_step: some(loss_step), loss: some(loss) }, shapes }
}
