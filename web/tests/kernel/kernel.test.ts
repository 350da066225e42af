import { expect, it } from 'vitest'
import { NOT_ENDED, Training } from '../../src/kernel/training'
import { seedsTo, SETTINGS, train } from './golden'
import { kernel } from './module'

const { problem } = SETTINGS[1]
const wide = SETTINGS.find(({ name }) => name === 'd_head 160')!

it('the table of weights says where each is', () => {
  const { shape } = SETTINGS.find(({ name }) => name === 'W_U, d_model 32')!.problem
  const table = kernel.weights(shape)
  expect(table.map(({ name }) => name)).toEqual(['W_E', 'W_pos', 'W_Q', 'W_K', 'W_V', 'W_U'])
  expect(kernel.weights({ ...shape, factored_values: true, unembed: false, d_model: 7 }).map(({ name }) => name)).toContain('W_O')
  const sizes = table.map(({ axes }) => axes.reduce((product, side) => product * side, 1))
  expect(table.map(({ start }) => start)).toEqual(sizes.map((_, nth) => sizes.slice(0, nth).reduce((sum, size) => sum + size, 0)))
  expect(kernel.size(shape)).toBe(sizes.reduce((sum, size) => sum + size, 0))
})

it('tokens are trained as they first appear, and weights follow them', () => {
  expect([...kernel.order(problem)]).toEqual([0, 2, 4, 1, 3, 5, 6])
  expect([...kernel.order({ ...problem, declared: true })]).toEqual(seedsTo(7))
  const places = kernel.places(problem)
  expect([...places].sort((one, other) => one - other)).toEqual(seedsTo(kernel.size(problem.shape)))
  const [one, other] = [problem, { ...problem, declared: true }].map((of) => kernel.initial(of, [5]))
  expect(places.map((place) => one[place])).toEqual([...other])
})

it('SHA-256 is that of others', async () => {
  for (const length of [0, 3, 64, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 7) % 256)
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    expect(kernel.sha256(bytes)).toBe([...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
  }
})

it('widths, slots, features and lanes are those of the kernel', () => {
  expect(SETTINGS.map(({ problem: { shape }, recipe }) => kernel.narrow(shape, recipe)).filter(Boolean)).toEqual([14, 14])
  expect(
    ['d_head 10', 'Nesterov', 'Adam', 'RMSprop'].map((name) => kernel.slots(SETTINGS.find((one) => one.name === name)!.recipe)),
  ).toEqual([0, 1, 2, 3])
  expect([0, 1].map((layer) => kernel.features({ ...problem.shape, n_layers: 2, n_heads: 3 }, layer))).toEqual([2, 5])
  expect([kernel.lanes('float32'), kernel.lanes('float64')]).toEqual([4, 2])
})

it('what nobody intervenes upon is what a look sees, and 0 at padding and out of sight', () => {
  const exact = { ...problem, type: 'float64' as const, tokens: problem.tokens.slice() }
  exact.tokens[9] = -1
  const weights = kernel.initial(exact, [3, 4, 5], 3) as Float64Array
  const { logits, pattern, resid } = kernel.activations(exact, weights, ['logits', 'pattern', 'resid'])
  expect(logits).toEqual(kernel.look(exact, weights, [{ sequence: 0 }, { sequence: 1 }], ['logits']).logits)
  expect([resid.length, pattern.length]).toEqual([3 * 2 * 10 * 7, 3 * 2 * 25])
  expect([...pattern.slice(0, 10)].map((share) => Number(share > 0))).toEqual([1, 0, 0, 0, 0, 1, 1, 0, 0, 0])
  expect(resid.slice(63, 70).every((number) => number === 0)).toBe(true)
})

it('shares add up to 1, and logarithms undo powers', () => {
  const rows = Float64Array.from({ length: 21 }, (_, at) => Math.sin(at) * 30)
  const shares = kernel.softmax(rows, 7)
  for (const row of [0, 1, 2]) {
    expect(shares.slice(7 * row, 7 * row + 7).reduce((sum, share) => sum + share)).toBeCloseTo(1, 14)
  }
  const told = kernel.log(shares)
  expect(told[3] - told[1]).toBeCloseTo(rows[3] - rows[1], 12)
  expect([...kernel.log(Float64Array.of(1, 0, -1))]).toEqual([0, -Infinity, NaN])
  expect(() => kernel.softmax(rows, 8)).toThrow('rows must be whole, each of 8 numbers')
})

it('a gradient is the slope of the loss', () => {
  const exact = { ...problem, type: 'float64' as const }
  const weights = kernel.initial(exact, [3]) as Float64Array
  const { gradient, losses } = kernel.gradient(exact, 'softmax', weights)
  const moved = weights.map((weight, at) => weight + 1e-6 * gradient[at])
  const squared = (gradient as Float64Array).reduce((sum, slope) => sum + slope * slope, 0)
  expect((kernel.gradient(exact, 'softmax', moved).losses[0] - losses[0]) / 1e-6 / squared).toBeCloseTo(1, 4)
})

it('heads that were trained narrow go on in their own width where they have to, up to rounding', () => {
  const phase = { ...wide.recipe.phases[0], momentum: 0.9, steps: 300 }
  const other = { ...phase, freeze: ['W_K' as const] }
  const whole = train(kernel, { ...wide, recipe: { phases: [phase, other] } }, [0, 1])
  const before = train(kernel, { ...wide, recipe: { phases: [phase] } }, [0, 1])
  expect([whole.basis, before.basis?.length]).toEqual([undefined, 2 * 160 * 14])
  const training = new Training(kernel, wide.problem, { phases: [other] }, before.weights, before, 300)
  expect([...training.take().outcome]).toEqual([NOT_ENDED, NOT_ENDED])
  while (!training.work(5)) continue
  const after = training.take()
  training.end()
  const apart = after.weights.map((weight, at) => Math.abs(weight - whole.weights[at]))
  expect(Math.max(...apart)).toBeLessThan(1e-4)
  expect(after.slots.length).toBe(whole.slots.length)
})

it('one case with some of its edits made in turn is each of these cases', () => {
  const exact = { ...problem, type: 'float64' as const }
  const weights = kernel.initial(exact, [1]) as Float64Array
  const edits = [0, 1, 2].map((key) => ({ what: 'edge', how: 'zero', layer: 0, head: 0, at: 3, key }) as const)
  const donor = { what: 'edge', how: 'from', layer: 0, head: 0, at: 3, key: 1, donor: 1, there: [0, 2, 1, 3, -1] } as const
  const one = { sequence: 0, at: 3, edits: [...edits, donor], reads: [0, 3].map((key) => ({ head: 0, key })) }
  const made = [[], [0], [1, 2], [3], [0, 3]]
  const cases = made.map((some) => ({ ...one, edits: some.map((nth) => one.edits[nth]) }))
  expect(kernel.lookEach(exact, weights, one, made)).toEqual(kernel.look(exact, weights, cases, ['logits', 'reads']))
})
