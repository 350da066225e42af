// A hint for an unknown name: the known one that is most like it, by the measure of Python's difflib, or all of them.

const LIKE = 0.6

export function nearest(name: string, known: readonly string[]): string {
  const alike = known.map((other) => ({ other, ratio: ratio(other, name) })).filter(({ ratio }) => ratio >= LIKE)
  const best = alike.sort((one, other) => other.ratio - one.ratio || (other.other > one.other ? 1 : -1))[0]
  return best ? `did you mean ${best.other}?` : `known are ${known.join(', ')}`
}

function ratio(one: string, other: string): number {
  const [a, b] = [Array.from(one), Array.from(other)]
  return a.length + b.length ? (2 * matches(a, b)) / (a.length + b.length) : 1
}

// How many letters stand in the longest blocks that both have: the longest first, then those to both sides of it.
function matches(a: readonly string[], b: readonly string[]): number {
  const best = { size: 0, i: 0, j: 0 }
  const ending = b.map(() => 0) // how long a block ends at each letter of b
  a.forEach((letter, i) => {
    for (let j = b.length - 1; j >= 0; j--) {
      ending[j] = b[j] === letter ? (j ? ending[j - 1] : 0) + 1 : 0
    }
    ending.forEach((size, j) => {
      if (size > best.size) Object.assign(best, { size, i: i + 1 - size, j: j + 1 - size })
    })
  })
  const { size, i, j } = best
  return size ? size + matches(a.slice(0, i), b.slice(0, j)) + matches(a.slice(i + size), b.slice(j + size)) : 0
}
