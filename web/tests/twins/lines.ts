// What Python says: the committed sample, or all that the folder holds that HEADLAB_TWINS names (tests/test_twins.py).

import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Fields } from '../../src/protocol'
import type { Plain } from './plain'

export interface Line {
  problem: string
  fields: Fields // those that are not the notebook's
  seeds: number[]
  said: Record<string, Plain> // by quantity: of the problem, or of the run of each seed
}

const sample = new URL('../../../tests/data/twins', import.meta.url).pathname
const folder = (import.meta.env.HEADLAB_TWINS as string | undefined) ?? sample
const END = '.jsonl.gz'

function rowsOf(name: string): string[] {
  return gunzipSync(readFileSync(`${folder}/${name}${END}`))
    .toString()
    .trim()
    .split('\n')
}

export const names = readdirSync(folder)
  .map((file) => file.slice(0, -END.length))
  .filter((name) => name !== 'problems')

const rows = Object.fromEntries(names.map((name) => [name, rowsOf(name)]))

export const lines = rowsOf('problems').map((row) => JSON.parse(row) as Omit<Line, 'said'>)

// What is said in one line.
export const saidIn = (at: number): Line['said'] => Object.fromEntries(names.map((name) => [name, JSON.parse(rows[name][at]) as Plain]))
