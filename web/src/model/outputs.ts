// What logits become one by one; shares of 1, the softmax, come from the kernel.

// 1 / (1 + exp(-x)) without overflow.
export function sigmoid(logit: number): number {
  const small = Math.exp(-Math.abs(logit))
  return (logit >= 0 ? 1 : small) / (1 + small)
}
