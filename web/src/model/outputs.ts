// What logits become, each alone; shares of one by softmax are the kernel's.

// 1 / (1 + exp(-x)) without overflow.
export function sigmoid(logit: number): number {
  const small = Math.exp(-Math.abs(logit))
  return (logit >= 0 ? 1 : small) / (1 + small)
}
