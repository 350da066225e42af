// What the gallery trains in the page is, to the last digit, what Python trains (tests/gallery_live.py).

import { expect, it, vi } from 'vitest'
import golden from '../../../tests/data/gallery_live.json'
import packed from '../../../src/headlab/engine/kernel.wasm?packed'
import type { Course } from '../../src/gallery/course'
import type { Table } from '../../src/gallery/gallery'
import { Kernel } from '../../src/kernel/kernel'
import { spaced, trained } from '../../src/gallery/live'
import { unpack } from '../../src/kernel/packed'

vi.mock('../../../src/headlab/engine/kernel-lab.json', () => import('../../../src/headlab/engine/kernel.json')) // as web/vite.config.ts
vi.setConfig({ testTimeout: 60_000 })

const kernel = await Kernel.of(await unpack(packed))
interface Run {
  seed: number
  losses: Record<string, number>
  final_loss: number
  weights: string
}
interface Known {
  task: string
  problem: Table
  runs: Record<string, Run[]>
}
const known = golden as unknown as Known[]
const runs = known.flatMap(({ task, problem, runs }) =>
  Object.entries(runs).flatMap(([recipe, some]) =>
    some.map((run) => ({ name: `${task}, ${recipe}, seed ${run.seed}`, table: problem, recipe, run })),
  ),
)

it.each(runs)('$name: losses and weights are those of Python to the last digit', async ({ table, recipe, run }) => {
  const told: Course[] = []
  const weights = await trained({ kernel, table, recipe, seed: run.seed }, (course) => told.push(course))
  const { curve, moments, ended, n_steps } = told.at(-1)!
  const losses = new Map(curve.steps.map((step, nth) => [step, curve.loss[nth]]))
  for (const [step, loss] of Object.entries(run.losses)) if (losses.has(Number(step))) expect(losses.get(Number(step))).toBe(loss)
  expect([losses.get(0), losses.get(1), losses.get(n_steps)]).toEqual([run.losses[0], run.losses[1], run.final_loss])
  expect(kernel.sha256(new Uint8Array(weights.buffer))).toBe(run.weights)
  expect([moments[0].step, moments.at(-1)!.step, ended]).toEqual([0, n_steps, ''])
})

const ioi = known.find(({ task }) => task === 'ioi')!.problem

it('a moment has patterns that sum to one, and as much that is right as the loss says', async () => {
  const told: Course[] = []
  await trained({ kernel, table: ioi, recipe: '1L2H', seed: 0 }, (course) => told.push(course))
  const { moments, examples, places } = told.at(-1)!
  const last = moments.at(-1)!
  expect([examples.length, places, last.right]).toEqual([60, 60, 60])
  expect(last.patterns.length).toBe(60 * 2 * 5 * 5)
  const rows = Array.from({ length: 60 * 2 * 5 }, (_, row) =>
    last.patterns.subarray(5 * row, 5 * row + 5).reduce((sum, byte) => sum + byte, 0),
  )
  expect(rows.every((sum) => Math.abs(sum - 255) <= 3)).toBe(true)
  expect(last.said[0].map(([[label]]) => label)).toEqual(examples[0].targets.filter((target) => target !== null))
  expect(moments[0].right).toBeLessThan(30)
})

it('a training that is stopped keeps what there is of it, and says where', async () => {
  const told: Course[] = []
  const long = { ...ioi.recipes['1L2H'], training: { ...ioi.recipes['1L2H'].training, phases: [{ steps: 10_000_000, plateau: null }] } }
  const table = { ...ioi, recipes: { long } }
  await trained(
    { kernel, table, recipe: 'long', seed: 0 },
    (course) => told.push(course),
    () => told.length > 2,
  )
  const { curve, moments, ended } = told.at(-1)!
  expect(ended).toMatch(/^Stopped at step [\d,]+\.$/)
  expect([curve.steps.length > 2, moments.length > 2]).toEqual([true, true])
  expect(curve.loss.every(Number.isFinite)).toBe(true)
})

it('steps that are kept are few, ascending, and begin and end where the training does', () => {
  for (const [last, most] of [
    [5020, 60],
    [999, 199],
    [3, 60],
    [0, 60],
    [-1, 60],
  ]) {
    const steps = spaced(last, most)
    expect(steps.length).toBeLessThanOrEqual(most)
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b))
    if (last >= 0) expect([steps[0], steps.at(-1)]).toEqual([0, last])
  }
})
