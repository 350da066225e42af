import type { Twin } from '../twin'

export function said({ subject }: Twin) {
  const tokens = subject.corpus.vocabulary.map((_, token) => token)
  return {
    finite: subject.finite,
    mean_loss: subject.meanLoss,
    alone: tokens.map((token) => subject.goesByTokenAlone(token)),
    near: tokens.map((token) => subject.nearBigram(token)),
    order: subject.inOrder(tokens),
  }
}
