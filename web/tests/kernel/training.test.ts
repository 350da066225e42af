import { expect, it, vi } from 'vitest'
import { Kernel } from '../../src/kernel/kernel'
import { NO_MEMORY } from '../../src/kernel/layout'
import { FINISHED, NOT_ENDED, Training, type Trained } from '../../src/kernel/training'
import { FEW, hashed, seedsTo, SETTINGS, train, type Setting } from './golden'
import { kernel } from './module'

const setting = (name: string) => SETTINGS.find((one) => one.name === name)!
const notebook = setting('d_head 10')
const wide = setting('d_head 160')

function first(of: Setting, steps: number): { recipe: Setting['recipe']; rest: Setting['recipe'] } {
  const [warm, ...others] = of.recipe.phases
  const long = others[0]
  return {
    recipe: { phases: [warm, { ...long, steps }] },
    rest: { phases: [{ ...long, steps: long.steps - steps, plateau_goes_on: true }, ...others.slice(1)] },
  }
}

function stepped({ problem, recipe }: Setting, weights: Trained['weights'], cuts: number[], state?: Trained, seen?: number): Trained {
  const training = new Training(kernel, problem, recipe, weights, state, seen)
  for (let nth = 0; !training.read().ended; nth++) {
    training.advance(cuts[Math.min(nth, cuts.length - 1)])
    while (!training.wait()) continue
  }
  const trained = training.take()
  training.end()
  return trained
}

it.each(['d_head 160', 'Adam', 'a phase that freezes and changes', 'diverges'])('%s: any cut gives the same bits of everything', (name) => {
  const { problem, recipe } = setting(name)
  const steps = recipe.phases.reduce((sum, phase) => sum + phase.steps, 0)
  const asked = { ...setting(name), recipe: { ...recipe, recorded: [0, 1, 500, 999], snapshots: [0, 64, steps - 1, steps] } }
  const weights = kernel.initial(problem, [0, 1, 5])
  const whole = stepped(asked, weights, [2 ** 40])
  expect(stepped(asked, weights, [1, 7, 1, 611, 13, 1024])).toEqual(whole)
  expect(weights).toEqual(kernel.initial(problem, [0, 1, 5]))
  expect(whole.snapshots.subarray(0, weights.length / 3)).toEqual(weights.subarray(0, weights.length / 3))
  expect(whole.snapshots.subarray(-weights.length / 3)).toEqual(whole.weights.subarray(-weights.length / 3))
  expect(whole.losses.every(Number.isFinite)).toBe(name !== 'diverges')
})

it('many moments of wide heads are each what it is without the others', () => {
  const [phase] = wide.recipe.phases
  const taken = (snapshots: number[]) =>
    train(kernel, { ...wide, recipe: { phases: [{ ...phase, steps: 150 }], snapshots } }, [0, 1]).snapshots
  const [every, size] = [taken(seedsTo(151)), kernel.size(wide.problem.shape)]
  for (const step of [1, 116, 117, 150]) {
    const both = [0, 1].flatMap((run) => [...every.subarray((151 * run + step) * size, (151 * run + step + 1) * size)])
    expect([...taken([step])]).toEqual(both)
  }
})

it.each(['d_head 10', 'd_head 160', 'Adam', 'Nesterov'])('%s: a training that goes on from another is that in one piece', (name) => {
  const whole = setting(name)
  const { recipe, rest } = first(whole, 700)
  const before = train(kernel, { ...whole, recipe }, seedsTo(FEW))
  const after = stepped({ ...whole, recipe: rest }, before.weights, [2 ** 40], before, name === 'Adam' ? 710 : 0)
  expect(hashed(kernel, whole.problem, after.weights)).toBe(whole.sha256.few)
})

it('runs have not ended before they have, and then each says how', () => {
  const training = new Training(kernel, notebook.problem, notebook.recipe, kernel.initial(notebook.problem, seedsTo(6)))
  training.advance(100)
  expect([training.wait(), training.wait()]).toEqual([false, true]) // four runs, and two
  expect(training.read()).toMatchObject({ steps: 100, run_steps: 600, ended: 0 })
  expect([...training.take().outcome]).toEqual(Array(6).fill(NOT_ENDED))
  training.end()
  training.end()
  expect([...train(kernel, notebook, seedsTo(3)).outcome]).toEqual(Array(3).fill(FINISHED))
  expect([...train(kernel, setting('diverges'), seedsTo(3)).outcome].some((step) => step >= 0)).toBe(true)
})

it.each([1, 64])('a training of %i runs is cut into calls of a few milliseconds', (runs) => {
  const long = { phases: [{ ...notebook.recipe.phases[0], steps: 1e9 }] }
  const training = new Training(kernel, notebook.problem, long, kernel.initial(notebook.problem, seedsTo(runs)))
  const speed = 200 * Math.min(runs, kernel.lanes('float32')) // steps of all runs in a millisecond
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => training.read().run_steps / speed) // of a machine that is never busy
  for (let nth = 0; nth < 20; nth++) {
    const began = clock()
    expect(training.work(4)).toBe(false)
    expect(clock() - began).toBeLessThan(8)
  }
  expect(clock()).toBeGreaterThan(60)
  clock.mockRestore()
  training.end()
})

it('seeds are whole numbers of 64 bits', () => {
  const [low, high] = [2n ** 53n + 1n, 2n ** 64n - 1n]
  const drawn = kernel.initial(notebook.problem, [low, high, low - 1n])
  const [one, other, third] = [0, 1, 2].map((run) => drawn.slice((run * drawn.length) / 3, ((run + 1) * drawn.length) / 3))
  expect(one).not.toEqual(third)
  expect(kernel.initial(notebook.problem, BigUint64Array.of(high))).toEqual(other)
})

it('what is asked wrongly is said in the words of the kernel, and nothing is lost', () => {
  const { problem, recipe } = notebook
  const weights = kernel.initial(problem, [0])
  const training = new Training(kernel, problem, recipe, weights)
  const wrong = { ...problem, tokens: problem.tokens.map((token) => token + 5) }
  expect(() => new Training(kernel, wrong, recipe, weights)).toThrow('tokens must be from 0 to d_vocab - 1, or -1 for padding')
  expect(() => kernel.look(problem, weights, [{ sequence: 7 }], ['logits'])).toThrow('the sequence of a case must be in the batch')
  expect(() => new Training(kernel, problem, recipe, weights.subarray(1))).toThrow('weights must have 0 numbers')
  expect(() => kernel.look(problem, weights.subarray(1), [], ['logits'])).toThrow('whole runs')
  expect(() => kernel.initial({ ...problem, targets: problem.targets!.subarray(1) }, [0])).toThrow('targets must have 10 numbers, got 9')
  expect(() => kernel.places(wrong)).toThrow('tokens must be from 0 to d_vocab - 1, or -1 for padding')
  for (const snapshots of [[2, 1], [-1], [-(2 ** 33), 5]]) {
    expect(() => new Training(kernel, problem, { ...recipe, snapshots }, weights)).toThrow('recorded steps and snapshots must be ascending')
  }
  expect(() => new Training(kernel, problem, { ...recipe, recorded: [0.5] }, weights)).toThrow('a step must be a whole number, got 0.5')
  new Training(kernel, problem, { ...recipe, snapshots: [2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1] }, weights).end()
  const state = train(kernel, wide, [0])
  expect(() => new Training(kernel, wide.problem, wide.recipe, state.weights, { ...state, basis: state.basis!.subarray(1) })).toThrow(
    'basis must have 2240 numbers, got 2239',
  )
  expect(() => new Training(kernel, problem, recipe, weights, { ...state, rate: new Float32Array(2) })).toThrow('rate must have 1 numbers')
  while (!training.work(100)) continue
  training.end()
})

it('a full memory is said in one sentence, the caller keeps everything, and the next training has memory again', () => {
  const own = new Kernel(kernel.module)
  const { problem, recipe } = notebook
  const weights = own.initial(problem, [0])
  const other = new Training(own, problem, recipe, weights)
  const before = weights.slice()
  const many = { ...recipe, recorded: Array.from({ length: 5020 }, (_, step) => step), snapshots: [] }
  const large = own.initial(problem, seedsTo(1000))
  const crowd = new Float32Array(20 * large.length)
  for (let nth = 0; nth < 20; nth++) crowd.set(large, nth * large.length)
  expect(() => new Training(own, problem, many, crowd)).toThrow(NO_MEMORY)
  expect(() => other.work(1)).toThrow(NO_MEMORY) // it was in the memory that is given back
  other.end()
  expect(weights).toEqual(before)
  expect(hashed(own, problem, train(own, notebook, seedsTo(FEW)).weights)).toBe(notebook.sha256.few)
})

it('inside the kernel, too', () => {
  const own = new Kernel(kernel.module)
  const shape = { ...notebook.problem.shape, n_ctx: 3000 }
  const tokens = Int32Array.from({ length: 3 * 3000 }, (_, at) => at % 7)
  const problem = { ...notebook.problem, shape, tokens, targets: tokens }
  const weights = own.initial(problem, [0])
  expect(() => own.gradient(problem, 'softmax', weights)).toThrow(NO_MEMORY)
  expect(own.initial(problem, [0])).toEqual(weights)
})

it('no memory is kept by what has ended', () => {
  const bytes = () => kernel.room().instance.bytes().length
  const recipe = { ...notebook.recipe, snapshots: seedsTo(200) }
  const often = (count: number) =>
    seedsTo(count).forEach((seed) => new Training(kernel, notebook.problem, recipe, kernel.initial(notebook.problem, [seed])).end())
  often(3)
  const before = bytes()
  often(300)
  expect(bytes()).toBe(before)
})
