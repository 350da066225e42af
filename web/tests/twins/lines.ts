// What Python says: the committed sample, or all that the file holds that HEADLAB_TWINS names (tests/test_twins.py).

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Fields } from '../../src/protocol'
import type { Plain } from './plain'

export interface Line {
  problem: string
  fields: Fields // those that are not the notebook's
  seeds: number[]
  said: Record<string, Plain> // of the problem, by quantity
  runs: Record<string, Plain>[] // of each seed
}

const sample = new URL('../../../tests/data/twins.jsonl.gz', import.meta.url).pathname
const path = (import.meta.env.HEADLAB_TWINS as string | undefined) ?? sample

export const lines = gunzipSync(readFileSync(path))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)
