// The normal distribution: how much of it is above a number, and the number that so much is below.

const FAR = 39 // where nothing is left of it in double precision
const TERMS = 100 // of the continued fraction, far more than it takes from 3 on

const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)

// Absolutely to 1e-15; by a series near the middle, by Laplace's continued fraction in the tail (Abramowitz & Stegun 26.2.11, 26.2.14).
export function normalAbove(z: number): number {
  if (z < 0) return 1 - normalAbove(-z)
  if (z > FAR) return 0
  if (z < 3) {
    let [term, sum] = [z, z]
    for (let odd = 3; sum + term !== sum; odd += 2) sum += term *= (z * z) / odd
    return 0.5 - density(z) * sum
  }
  let fraction = z
  for (let nth = TERMS; nth > 0; nth--) fraction = z + nth / fraction
  return density(z) / fraction
}

export const normalBelow = (z: number): number => normalAbove(-z)

// By Newton's method on the logarithm of the tail.
export function normalQuantile(share: number): number {
  if (!(share > 0 && share < 1)) return share === 0 ? -Infinity : share === 1 ? Infinity : NaN
  if (share > 0.5) return -normalQuantile(1 - share)
  let z = Math.sqrt(-2 * Math.log(2 * share))
  for (let step = 1, nth = 0; Math.abs(step) > 1e-15 * z && nth < 50; nth++) {
    const above = normalAbove(z)
    z += step = (above / density(z)) * Math.log(above / share)
  }
  return -z
}
