// Random numbers from a counter: Philox4x32-10 (Salmon et al. 2011), as src/headlab/model/initial.py has it.

const [FIRST, SECOND] = [0xd2511f53, 0xcd9e8d57]
const [KEY_0, KEY_1] = [0x9e3779b9, 0xbb67ae85]

export type Words = [number, number, number, number] // of 32 bits

export function philox(counter: Words, key: [number, number] = [0, 0]): Words {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const [high_0, low_0] = [high(c0, FIRST), Math.imul(c0, FIRST)]
    const [high_2, low_2] = [high(c2, SECOND), Math.imul(c2, SECOND)]
    ;[c0, c1, c2, c3] = [(high_2 ^ c1 ^ k0) >>> 0, low_2 >>> 0, (high_0 ^ c3 ^ k1) >>> 0, low_0 >>> 0]
    k0 = (k0 + KEY_0) >>> 0
    k1 = (k1 + KEY_1) >>> 0
  }
  return [c0, c1, c2, c3]
}

// The upper 32 bits of a product; every step is exact in double precision.
function high(one: number, other: number): number {
  return Math.floor(((one >>> 16) * other + Math.floor(((one & 0xffff) * other) / 0x10000)) / 0x10000)
}

// Two numbers in [0, 1) for each resample of a sample (src/headlab/study/bootstrap.py says how they are made of words).
export function drawn(sample: number, resamples: number): { u: Float64Array; v: Float64Array } {
  const [u, v] = [new Float64Array(resamples), new Float64Array(resamples)]
  for (let resample = 0; resample < resamples; resample++) {
    const words = philox([resample, sample, 0, 1])
    u[resample] = unit(words[0], words[1])
    v[resample] = unit(words[2], words[3])
  }
  return { u, v }
}

const unit = (top: number, rest: number) => ((top >>> 5) * 2 ** 26 + (rest >>> 6)) * 2 ** -53
