// All subsets of some parts at once: subset number s keeps part i exactly where bit i of s is 1.

// The sum of the parts that each subset lacks, [subset].
export function sums(parts: ArrayLike<number>): Float64Array {
  const found = new Float64Array(1 << parts.length)
  for (let part = 0; part < parts.length; part++) {
    const size = 1 << part // what the larger half of the subsets so far has, the smaller half lacks
    found.copyWithin(size, 0, size)
    for (let subset = 0; subset < size; subset++) found[subset] += parts[part]
  }
  return found
}

// Which subsets suffice while no proper subset does, and whether sufficiency is monotone: whether with a subset all that hold it suffice.
// Where it is not, a set from which no single part can be spared may still hold a smaller one that suffices: all proper subsets count.
//
// suffices: [subset], of all 2ⁿ
export function minimal(suffices: Uint8Array): { sets: number[]; monotone: boolean } {
  const within = suffices.slice() // some subset suffices, itself included
  for (let part = 1; part < within.length; part <<= 1)
    for (let subset = 0; subset < within.length; subset++) if (subset & part) within[subset] |= within[subset ^ part]
  const sets: number[] = []
  for (let subset = 0; subset < within.length; subset++)
    if (suffices[subset] && !members(subset).some((part) => within[subset ^ (1 << part)])) sets.push(subset)
  return { sets, monotone: within.every((some, subset) => some === suffices[subset]) }
}

// The numbers of the parts that a subset keeps.
export function members(subset: number): number[] {
  const found: number[] = []
  for (let part = 0; subset >> part; part++) if ((subset >> part) & 1) found.push(part)
  return found
}
