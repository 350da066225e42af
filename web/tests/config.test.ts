// What is asked for in the page's fields is trained as Python trains it.
import { expect, it } from 'vitest'
import golden from '../../src/headlab/engine/golden.json'
import { CONTROLS, experimentOf, NOTEBOOK, problemOf, recipeOf, seedOf, seedValue } from '../src/config/experiment'
import { Problems } from '../src/errors'
import { Training } from '../src/kernel/training'
import type { Fields } from '../src/protocol'
import { FEW, hashed, seedsTo } from './kernel/golden'
import { kernel } from './kernel/module'

function trained(fields: Fields, seeds: readonly (bigint | number)[]): string {
  const experiment = experimentOf(fields)
  const problem = problemOf(experiment)
  const training = new Training(kernel, problem, recipeOf(experiment), kernel.initial(problem, seeds, experiment.model.init_scale))
  while (!training.work(Infinity)) continue
  const { weights } = training.take()
  training.end()
  return hashed(kernel, problem, weights)
}

it.each([10, 20, 160])('of the notebook with d_head %i the bits are the golden ones', (d_head) => {
  expect(trained({ d_head }, seedsTo(FEW))).toBe(golden.settings.find(({ name }) => name === `d_head ${d_head}`)!.sha256.few)
})

const words = (count: number) => Array.from({ length: count }, (_, nth) => `w${nth}`)

it.each<[Fields, string, string | null]>([
  [{ d_head: 1025 }, 'd_head must be at most 1,024 in the lab, got 1025: train larger ones with `headlab train`', 'd_head'],
  [{ steps: 100_001 }, 'steps must be at most 100,000 in the lab, got 100001: train larger ones with `headlab train`', 'steps'],
  [{ text: 'a b\n'.repeat(4097) }, 'the sentences must have at most 16,384 characters, got 16,388', 'text'],
  [{ text: 'a b\n'.repeat(201) }, 'the lab takes at most 200 sentences, got 201: use `headlab train` for more', null],
  [{ text: words(64).join(' ') }, 'the lab takes at most 64 words in a sentence, got 65: use `headlab train` for more', null],
  [
    {
      text: words(512)
        .join(' ')
        .replace(/((\S+ ){32})/g, '$1\n'),
    },
    'the lab takes at most 512 different words, got 513: use `headlab train` for more',
    null,
  ],
])('%#: what is beyond the limits of a page is said, and not beyond those of the kernel', (fields, text, field) => {
  let found: unknown
  try {
    experimentOf(fields)
  } catch (error) {
    found = error
  }
  expect(found).toBeInstanceOf(Problems)
  expect((found as Problems).problems).toEqual([{ text, field, line: null }])
  expect(experimentOf(fields, false).seed).toBe(1n)
})

it('every setting of the model and of training has a control, with what a number may be in the lab', () => {
  const beside = ['task', 'text', 'start', 'wrap', 'seed', 'fork', 'before']
  expect(CONTROLS.map(({ name }) => name).sort()).toEqual(
    Object.keys(NOTEBOOK)
      .filter((name) => !beside.includes(name))
      .sort(),
  )
  expect(CONTROLS.find(({ name }) => name === 'd_head')).toMatchObject({ low: 1, high: 1024, default: 20 })
  expect(CONTROLS.find(({ name }) => name === 'init_scale')).toMatchObject({ high: null })
})

it.each([0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n])('the seed %s stays itself in a field', (seed) => {
  expect(seedOf(seedValue(seed))).toBe(seed)
  expect(experimentOf({ seed: seedValue(seed) }).seed).toBe(seed)
})

it.each(['-1', '1.5', 'x', '', 2 ** 64, 0.5, -1, null, true])('%o is no seed', (value) => expect(seedOf(value)).toBeNull())
