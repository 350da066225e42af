// The words of the page that need one, as docs/glossary.md has them.

export const WORDS = {
  corpus: 'a few sentences, as a batch with next-token targets unless others are given, with the vocabulary',
  dependency: 'a position whose target the current token leaves open; resolvable when what the model sees decides it',
  loss: 'the mean over positions of −ln of what the model gives to the target, in nats: 0.69 is a coin toss, 0 is certainty',
  floor: 'the smallest mean loss that any model can reach that sees what this one sees, in nats per position with a target',
  'bigram floor': 'the smallest mean loss that can be reached knowing the current token only, in nats per position with a target',
  seed: 'the number its initial weights are drawn from',
  d_head: 'width of queries and keys (the notebook’s H)',
  step: 'one update of the weights; here also an epoch, as the whole corpus is one batch',
  pattern: 'scores after mask and softmax; each row sums to 1 (the notebook’s attention weights)',
  target: 'what is to be predicted: the token that comes next, and after the last one the start token (or none), unless it was given',
  probability: 'softmax of the logits at a place: what the model gives to each token, together 1',
  sigmoid: 'each logit by itself between 0 and 1, as the notebook prints it: no probabilities, they do not add up to 1',
  'logit difference': 'logit(target) − logit(rival): above 0 the target leads, and e to its power are the odds between the two',
  solved: 'every resolvable position’s target leads, over every other token, by half a logit or more',
  'right by a hair': 'every target leads, but somewhere by less than half a logit',
  'not solved': 'some target does not lead (a tie is no lead), or the run diverged',
  'nothing to solve': 'no position of the corpus is resolvable, so that there is nothing to grade',
  choice: 'the target against a rival at one place; its logit difference is logit(target) − logit(rival)',
  contribution: 'what a path or a source position gives to a logit difference, pattern held fixed',
  'coding split': 'the change of a logit difference between two sentences, as pattern part, value part and direct part',
  ablate: 'take a part away in one of four ways: zero, mean, resample, mask',
  patch: 'take an activation from another sentence',
  'q, k, v, z': 'queries, keys, values, and the values mixed by the pattern',
  'residual stream': 'what flows past the heads',
  'minimal set': 'parts that suffice while no smaller set within them does',
  mechanism: 'how a run tells sentences apart, from measured shares',
  'QK circuit': 'W_Q W_Kᵀ: where a head looks',
  'OV circuit': 'W_V W_O: what it writes from there',
} as const

export type Word = keyof typeof WORDS
