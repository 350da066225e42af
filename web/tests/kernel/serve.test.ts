import { afterEach, expect, it } from 'vitest'
import { Remote } from '../../src/kernel/remote'
import { serve } from '../../src/kernel/serve'
import { FEW, hashed, seedsTo, SETTINGS } from './golden'
import { kernel } from './module'

const { problem, recipe, sha256 } = SETTINGS[1]
const open: MessagePort[] = []

function remote(load: WebAssembly.Module | BufferSource = kernel.module) {
  const { port1, port2 } = new MessageChannel()
  open.push(port1)
  serve(port2)
  return new Remote(port1, load)
}

afterEach(() => open.splice(0).forEach((port) => port.close()))

it('a kernel elsewhere answers as one that is here', async () => {
  const there = remote()
  const seen: number[] = []
  const trained = await there.train({ problem, recipe, seeds: seedsTo(FEW) }, ({ run_steps }) => seen.push(run_steps))
  expect(hashed(kernel, problem, trained.weights)).toBe(sha256.few)
  expect(seen.length).toBeGreaterThan(0)
  expect(await there.call('initial', problem, [3, 4n])).toEqual(kernel.initial(problem, [3, 4]))
  expect(await there.call('weights', problem.shape)).toEqual(kernel.weights(problem.shape))
  const { logits } = await there.call('look', problem, trained.weights, [{ sequence: 0 }], ['logits'])
  expect(logits).toEqual(kernel.look(problem, trained.weights, [{ sequence: 0 }], ['logits']).logits)
})

it('what is wrong comes as its sentence', async () => {
  const there = remote()
  await expect(there.call('initial', { ...problem, tokens: new Int32Array(), targets: undefined }, [0])).rejects.toThrow(
    'a batch must have at least one sequence: give its tokens',
  )
  await expect(there.train({ problem, recipe: { phases: [] }, seeds: [1] })).rejects.toThrow('a recipe must have at least one phase')
})

it('a training that is not wanted any more ends within a slice, and the next one is done', async () => {
  const there = remote()
  const long = { phases: [{ ...recipe.phases[0], steps: 1e9 }] }
  const unwanted = new AbortController()
  const first = there.train({ problem, recipe: long, seeds: seedsTo(64) }, () => unwanted.abort('another wish'), unwanted.signal)
  await expect(first).rejects.toBe('another wish')
  expect((await there.train({ problem, recipe: { phases: [recipe.phases[0]] }, seeds: [0] })).weights.length).toBe(
    kernel.size(problem.shape),
  )
  await expect(there.train({ problem, recipe, seeds: [0] }, undefined, unwanted.signal)).rejects.toBe('another wish')
})
