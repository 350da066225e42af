// The two losses that the notebook's script minimises, depending on the Keras it runs on; see docs/decisions/loss.md.

import type { Corpus } from '../data/corpus'
import type { Loss } from '../kernel/asked'
import { sigmoid } from './outputs'

const NEAREST = 1e-7 // that a share comes to 0 and 1

// Σ w·l / Σ w in nats; logits and their softmax [sequence, position, d_vocab]
//   softmax             -ln softmax(x)_y
//   normalized_sigmoid  -ln clip(p_y / Σ p, 1e-7, 1 - 1e-7), p = sigmoid(x)
export function meanLoss(corpus: Corpus, kind: Loss, logits: Float64Array, probabilities: Float64Array): number {
  const { n_ctx, d_vocab, targets, weights } = corpus
  const largest = weights.flat().reduce((most, weight) => Math.max(most, weight), 0)
  let [sum, together] = [0, 0]
  targets.forEach((row, sequence) =>
    row.forEach((target, position) => {
      if (target < 0) return
      const at = (sequence * n_ctx + position) * d_vocab
      const share = kind === 'softmax' ? probabilities[at + target] : normalized(logits.subarray(at, at + d_vocab), target)
      const weight = weights[sequence][position] / largest
      sum -= weight * Math.log(share)
      together += weight
    }),
  )
  return sum / together
}

function normalized(logits: Float64Array, target: number): number {
  const shares = logits.map(sigmoid)
  const share = shares[target] / shares.reduce((sum, one) => sum + one, 0)
  return Math.min(Math.max(share, NEAREST), 1 - NEAREST)
}
