// Values as JSON has them, and how two of them differ: texts to the letter, numbers to 1e-12, what is no finite number alike.
// tests/twins/plain.py says the same.

export type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain }

const CLOSE = 1e-12 // of a number, and of itself where it is larger than one
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

const isTable = (value: Plain) => typeof value === 'object' && value !== null && !Array.isArray(value)
const shown = (value: Plain) => JSON.stringify(value)

// Where two values differ, with both.
export function* differences(ours: Plain, theirs: Plain, path = ''): Generator<string> {
  if (isTable(ours) && isTable(theirs)) {
    const [mine, other] = [ours as Record<string, Plain>, theirs as Record<string, Plain>]
    const [names, wanted] = [Object.keys(mine), Object.keys(other)]
    if (names.join() !== wanted.join()) yield `${path}: ${names.join()} are not ${wanted.join()}`
    for (const name of names.filter((name) => name in other)) {
      const of = (table: Record<string, Plain>) => (name.endsWith('_share') ? partOf(table, name) : table[name])
      yield* differences(of(mine), of(other), `${path}.${name}`)
    }
  } else if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (ours.length !== theirs.length) yield `${path}: ${ours.length} are not ${theirs.length}`
    for (let at = 0; at < Math.min(ours.length, theirs.length); at++) yield* differences(ours[at], theirs[at], `${path}[${at}]`)
  } else if (!same(ours, theirs)) yield `${path}: ${shown(ours)} is not ${shown(theirs)}`
}

// A share of next to nothing is as exact as what it is of.
function partOf({ total, ...table }: Record<string, Plain>, name: string): Plain {
  const share = table[name]
  return typeof total === 'number' && typeof share === 'number' ? share * total : share
}

function same(ours: Plain, theirs: Plain): boolean {
  if (typeof ours !== 'number' || typeof theirs !== 'number') return ours === theirs
  return Math.abs(ours - theirs) <= CLOSE * Math.max(1, Math.abs(ours), Math.abs(theirs))
}
