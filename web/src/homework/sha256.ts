// SHA-256 (FIPS 180-4) on the page's own thread, and where a page is from a disk or plain http: browsers keep theirs from such pages.

const WORDS = 64
const primes = (() => {
  const found: number[] = []
  for (let number = 2; found.length < WORDS; number++) if (found.every((prime) => number % prime)) found.push(number)
  return found
})()
const fraction = (value: number) => ((value - Math.floor(value)) * 2 ** 32) | 0 // the first 32 bits behind the point
const K = primes.map((prime) => fraction(Math.cbrt(prime)))
const START = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))

const turned = (word: number, by: number) => (word >>> by) | (word << (32 - by))

export function sha256(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(64 * Math.ceil((bytes.length + 9) / 64))
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setBigUint64(padded.length - 8, 8n * BigInt(bytes.length))
  const state = [...START]
  const words = new Int32Array(WORDS)
  for (let block = 0; block < padded.length; block += 64) {
    for (let t = 0; t < WORDS; t++) words[t] = t < 16 ? view.getInt32(block + 4 * t) : extended(words, t)
    round(state, words)
  }
  const found = new DataView(new ArrayBuffer(32))
  state.forEach((word, nth) => found.setInt32(4 * nth, word))
  return new Uint8Array(found.buffer)
}

function extended(words: Int32Array, t: number): number {
  const [before, last] = [words[t - 15], words[t - 2]]
  const small = turned(before, 7) ^ turned(before, 18) ^ (before >>> 3)
  const large = turned(last, 17) ^ turned(last, 19) ^ (last >>> 10)
  return (words[t - 16] + small + words[t - 7] + large) | 0
}

function round(state: number[], words: Int32Array) {
  let [a, b, c, d, e, f, g, h] = state
  for (let t = 0; t < WORDS; t++) {
    const chosen = (e & f) ^ (~e & g)
    const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + chosen + K[t] + words[t]) | 0
    const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0]
  }
  ;[a, b, c, d, e, f, g, h].forEach((word, nth) => (state[nth] = (state[nth] + word) | 0))
}

export const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
