// Values as JSON has them, and how two of them differ: texts to the letter, numbers to 1e-12, what is no finite number alike.
// tests/twins/plain.py says the same.

export type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain }

const CLOSE = 1e-12 // of a number, and of itself where it is larger than one
// Where shares stand: in a split and in what draws the eye, and in clauses about these.
const SHARES = /_share$|\.(makes|undone)$|\.arguments\.(pattern|value|direct)$/
const NO_NUMBER = '$' // {"$": "nan"} is what JSON cannot hold

export function plain(value: unknown): Plain {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : { [NO_NUMBER]: value > 0 ? 'inf' : value < 0 ? '-inf' : 'nan' }
  if (typeof value !== 'object') return value as Plain
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, plain)
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

type Table = Record<string, Plain>
const isTable = (value: Plain): value is Table => typeof value === 'object' && value !== null && !Array.isArray(value)
const MOST_SHOWN = 200 // characters
const shown = (value: Plain) => (JSON.stringify(value) ?? 'nothing').slice(0, MOST_SHOWN)

// Where two values differ, with both; whole: what shares are of, as far as that is less than one. A share of next to nothing is as exact
// as what it is of: x · |whole| to 1e-12.
export function* differences(ours: Plain, theirs: Plain, path = '', whole = 1): Generator<string> {
  if (isTable(ours) && isTable(theirs)) {
    const [names, wanted] = [Object.keys(ours), Object.keys(theirs)]
    if (names.join() !== wanted.join()) yield `${path}: ${names.join()} are not ${wanted.join()}`
    const least = Math.min(whole, wholeIn(ours))
    for (const name of names) if (name in theirs) yield* differences(ours[name], theirs[name], `${path}.${name}`, least)
  } else if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (ours.length !== theirs.length) yield `${path}: ${ours.length} are not ${theirs.length}`
    for (let at = 0; at < Math.min(ours.length, theirs.length); at++) yield* differences(ours[at], theirs[at], `${path}[${at}]`, whole)
  } else if (!same(ours, theirs, SHARES.test(path) ? whole : 1)) yield `${path}: ${shown(ours)} is not ${shown(theirs)}`
}

// The size of the smallest whole that a table holds: a change that is coded, what the pattern makes of one.
function wholeIn({ coding = null, eye = null, ...table }: Table): number {
  const { total } = coding !== null && isTable(coding) ? coding : table
  const makes = eye !== null && isTable(eye) ? eye.makes : 1
  const known = typeof total === 'number' && typeof makes === 'number'
  return known ? Math.max(Math.abs(total) * Math.min(1, Math.abs(makes)), 1e-300) : 1
}

function same(ours: Plain, theirs: Plain, whole: number): boolean {
  if (typeof ours !== 'number' || typeof theirs !== 'number') return ours === theirs
  return Math.abs(ours - theirs) * Math.min(1, whole) <= CLOSE * Math.max(1, Math.abs(ours), Math.abs(theirs))
}
