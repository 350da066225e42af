// The page says what Python says of the same runs. A quantity is a file in quantities/, here and in tests/twins/.

import { expect, it, vi } from 'vitest'
import { lines } from './lines'
import { differences, plain } from './plain'
import { type Twin, Twins } from './twin'

type OfRun = { of?: 'run'; said: (twin: Twin) => unknown }
type OfProblem = { of: 'problem'; said: (twins: Twins) => unknown }
type Quantity = OfRun | OfProblem

const MOST_SHOWN = 20
const files = import.meta.glob<Quantity>('./quantities/*.ts', { eager: true })
const quantities = Object.fromEntries(Object.entries(files).map(([path, file]) => [path.replace(/.*\/|\.ts$/g, ''), file]))

vi.setConfig({ testTimeout: 600_000 })

it.each(lines)('$problem, seeds from $seeds.0: the page says what Python says', (line) => {
  const found: string[] = []
  const twins = new Twins(line)
  const each = twins.each
  for (const [name, quantity] of Object.entries(quantities)) {
    if (quantity.of === 'problem') found.push(...differences(plain(quantity.said(twins)), line.said[name], name))
    else each.forEach((twin, at) => found.push(...ofRun(quantity, name, twin, line.seeds[at])))
  }
  expect(found.slice(0, MOST_SHOWN)).toEqual([])

  function ofRun({ said }: OfRun, name: string, twin: Twin, seed: number): string[] {
    return [...differences(plain(said(twin)), line.runs[twin.number][name], `seed ${seed}: ${name}`)]
  }
})

const wanted = [...new Set(lines.flatMap(({ said, runs }) => [...Object.keys(said), ...Object.keys(runs[0])]))]
for (const name of wanted) if (!(name in quantities)) it.todo(`the page says what ${name} is`)

it('every quantity of the page is one of Python', () => {
  expect(Object.keys(quantities).filter((name) => !wanted.includes(name))).toEqual([])
})
