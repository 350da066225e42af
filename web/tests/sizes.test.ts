// What the page answers about head sizes, as Python does of the same runs (tests/test_twin_statistics.py).
import { expect, it } from 'vitest'
import told from '../../tests/data/statistics.json'
import { experimentOf, problemOf, recipeOf } from '../src/config/experiment'
import { Training } from '../src/kernel/training'
import { countedOf, sizesFrame, withHead } from '../src/work/sizes'
import { CONTEXT, EACH, SIZES, UNITS, unitsOf } from '../src/work/units'
import { kernel } from './kernel/module'
import { differences, type Plain, plain } from './twins/plain'

function counted(fields = {}, units = unitsOf(0)) {
  const experiment = experimentOf(fields)
  const each = units.map((unit) => {
    const own = withHead(experiment, unit.size)
    const problem = problemOf(own)
    const seeds = Array.from({ length: unit.count }, (_, nth) => unit.first + nth)
    const training = new Training(kernel, problem, recipeOf(own), kernel.initial(problem, seeds, own.model.init_scale))
    while (!training.work(Infinity)) continue
    const { weights, final_loss, outcome } = training.take()
    training.end()
    return countedOf(kernel, experiment, unit, { weights, losses: final_loss, outcomes: outcome })
  })
  return { experiment, each }
}

it('the first round of the notebook is answered to the letter as in Python', () => {
  const few = unitsOf(0).map((unit) => (CONTEXT.includes(unit.size) ? { ...unit, count: 2 } : unit))
  const { experiment, each } = counted({}, few)
  const { values } = sizesFrame(experiment, 0, each)
  const asked = values.sizes.filter(({ context }) => !context)
  const ours = {
    question: values.question,
    sentences: [values.answer, ...values.sentences],
    how_sure: values.how_sure,
    rows: asked.map((one) => [one.size, one.runs, one.solved, one.hairs, one.diverged, one.share, one.low, one.high]),
    losses: asked.map(({ loss }) => loss),
  }
  expect([...differences(plain(ours), told.notebook as Plain)]).toEqual([])
  expect(values.sizes.map(({ size }) => size)).toEqual([1, 5, 10, 20, 40])
  expect(asked.map(({ size, against }) => [size, against?.share?.base])).toEqual([
    [10, asked[1].share],
    [20, undefined],
    [40, asked[1].share],
  ])
})

it('there are 1,000 runs of each of the sizes in the end, in whatever order they come', () => {
  const firsts = (size: number) =>
    UNITS.flat()
      .filter((unit) => unit.size === size)
      .map(({ first }) => first)
  for (const size of SIZES) expect(firsts(size)).toEqual(Array.from({ length: 1000 / EACH }, (_, round) => round * EACH))
  for (const size of CONTEXT) expect(firsts(size)).toEqual([0, 40, 80, 120, 160]) // all but the first when the answer is there
  const { experiment, each } = counted({ steps: 30 }, [
    { size: 20, first: 2, count: 2 },
    { size: 10, first: 0, count: 4 },
    { size: 20, first: 0, count: 2 },
  ])
  expect(sizesFrame(experiment, 0, each)).toEqual(sizesFrame(experiment, 0, [...each].reverse()))
})

it('what diverged, and where there is nothing to solve, is said and never a number', () => {
  const lost = counted({ learning_rate: 1e5, steps: 50 }, unitsOf(9))
  const { values } = sizesFrame(lost.experiment, 9, lost.each)
  expect(values.sentences.at(-1)).toBe('120 of all 120 runs diverged, and count as not solved.')
  expect(values.sizes.map(({ loss, against }) => [loss, against?.loss ?? null])).toEqual([
    [null, null],
    [null, null],
    [null, null],
  ])
  const nothing = counted({ text: 'a b\na c', start: '', wrap: false, steps: 20 }, unitsOf(9))
  const frame = sizesFrame(nothing.experiment, 9, nothing.each)
  expect(frame.values.answer).toMatch(/^Nothing to solve: .*; median loss of all runs: .* at d_head 10, 20, 40\.$/)
  expect(frame.values.sizes.map(({ share, low }) => share ?? low)).toEqual([null, null, null])
  expect(JSON.stringify(frame)).not.toMatch(/NaN|Infinity/)
})
