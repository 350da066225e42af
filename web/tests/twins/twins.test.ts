// The page says what Python says of the same runs. A quantity is a file in quantities/, here and in tests/twins/.

import { expect, it, vi } from 'vitest'
import { lines, names, saidIn } from './lines'
import { differences, type Plain, plain } from './plain'
import { type Twin, Twins } from './twin'

type OfRun = { of?: 'run'; said: (twin: Twin) => unknown }
type OfProblem = { of: 'problem'; said: (twins: Twins) => unknown }
type Quantity = OfRun | OfProblem

const MOST_SHOWN = 20
const files = import.meta.glob<Quantity>('./quantities/*.ts', { eager: true })
const quantities = Object.fromEntries(Object.entries(files).map(([path, file]) => [path.replace(/.*\/|\.ts$/g, ''), file]))

vi.setConfig({ testTimeout: 600_000 })

it.each(lines.map((line, at) => ({ ...line, at })))('$problem, seeds from $seeds.0: the page says what Python says', ({ at, ...line }) => {
  const found: string[] = []
  const said = saidIn(at)
  const twins = new Twins({ ...line, said })
  const each = twins.each
  for (const [name, quantity] of Object.entries(quantities)) {
    if (quantity.of === 'problem') found.push(...differences(plain(quantity.said(twins)), said[name], name))
    else
      each.forEach((twin, nth) => {
        found.push(...differences(plain(quantity.said(twin)), (said[name] as Plain[])[nth], `seed ${line.seeds[nth]}: ${name}`))
      })
  }
  expect(found.slice(0, MOST_SHOWN)).toEqual([])
})

for (const name of names) if (!(name in quantities)) it.todo(`the page says what ${name} is`)

it('every quantity of the page is one of Python', () => {
  expect(Object.keys(quantities).filter((name) => !names.includes(name))).toEqual([])
})
