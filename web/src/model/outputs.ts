// What logits become: shares of one by softmax, and the sigmoid of each alone. As NumPy has them, down to a share of 0: the kernel's, made for
// training, stop at 1e-308.

// exp(logits) / sum over each row of so many.
export function softmax(rows: Float64Array, width: number): Float64Array {
  const shares = new Float64Array(rows.length)
  for (let start = 0; start < rows.length; start += width) {
    let [top, total] = [-Infinity, 0]
    for (let at = start; at < start + width; at++) top = Math.max(top, rows[at])
    if (!Number.isFinite(top)) top = 0
    for (let at = start; at < start + width; at++) total += shares[at] = Math.exp(rows[at] - top)
    for (let at = start; at < start + width; at++) shares[at] /= total || 1
  }
  return shares
}

// 1 / (1 + exp(-x)) without overflow.
export function sigmoid(logit: number): number {
  const small = Math.exp(-Math.abs(logit))
  return (logit >= 0 ? 1 : small) / (1 + small)
}
