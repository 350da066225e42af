// The frames of one run and of many; what they say is held to Python's in twins/, what they draw to the models here.
import { afterEach, expect, it, vi } from 'vitest'
import { Subject, subjectsOf } from '../src/analysis/subject'
import { experimentOf, problemOf, recipeOf } from '../src/config/experiment'
import { stepsOf } from '../src/config/training'
import { numbersAt } from '../src/frames'
import { Training } from '../src/kernel/training'
import { momentsOf } from '../src/work/moments'
import { pictureFrame } from '../src/work/picture'
import { ended } from '../src/work/pieces'
import { seedsFrame } from '../src/work/seeds'
import { train } from '../src/work/train'
import { kernel } from './kernel/module'

const TEXT = 'anna saw the cat and the dog\nben saw the fox\nanna fed the cow'

function trained(fields: Parameters<typeof experimentOf>[0], seeds: number[]) {
  const experiment = experimentOf(fields)
  const steps = stepsOf(experiment.training)
  const moments = momentsOf(experiment, steps)
  const problem = problemOf(experiment)
  const recipe = recipeOf(experiment, { recorded: Array.from({ length: steps }, (_, step) => step), snapshots: moments })
  const training = new Training(kernel, problem, recipe, kernel.initial(problem, seeds))
  while (!training.work(Infinity)) continue
  const runs = training.take()
  training.end()
  return { experiment, moments, runs }
}

const apart = (one: ArrayLike<number>, other: ArrayLike<number>) =>
  Array.from(one).reduce((most, number, at) => Math.max(most, Math.abs(number - other[at])), 0)

it('a picture has every pattern and every logit where the views look for it', () => {
  const fields = { text: TEXT, start: '', wrap: false, n_layers: 2, n_heads: 3, d_head: 4, steps: 40, optimizer: 'adam' }
  const { experiment, moments, runs } = trained(fields, [3])
  const { corpus, model } = experiment
  const subject = new Subject(kernel, corpus, model, runs.weights)
  const of = { kernel, experiment, moments, weights: runs.snapshots, losses: runs.losses, rates: runs.rates, subject }
  const { arrays } = pictureFrame({ ...of, finalLoss: runs.final_loss[0], outcome: runs.outcome[0] })
  subjectsOf(kernel, corpus, model, runs.snapshots).forEach(({ clean }, moment) => {
    corpus.lengths.forEach((length, sequence) => {
      for (let position = 0; position < length; position++) {
        expect(apart(numbersAt(arrays.logits, moment, sequence, position).data, clean.logits(sequence, position))).toBeLessThan(1e-5)
        for (const [layer, head] of [
          [0, 2],
          [1, 0],
          [1, 1],
        ]) {
          const drawn = numbersAt(arrays.pattern, moment, layer, head, sequence, position).data
          expect(apart(drawn, clean.pattern(layer, head, sequence, position))).toBeLessThan(1e-5)
        }
      }
    })
  })
})

it('many seeds are drawn each with its own pattern, however many are looked at together', () => {
  const { experiment, runs } = trained({ steps: 300 }, [4, 5, 6])
  const portion = { seeds: [4n, 5n, 2n ** 60n], weights: runs.weights, losses: runs.final_loss, outcomes: [...runs.outcome] }
  const { values, arrays } = ended(seedsFrame(kernel, experiment, portion))
  expect(values.seed).toEqual([4, 5, String(2n ** 60n)])
  subjectsOf(kernel, experiment.corpus, experiment.model, runs.weights).forEach(({ clean }, run) => {
    expect(apart(numbersAt(arrays.pattern, run, 1, 3).data, clean.pattern(0, 0, 1, 3))).toBeLessThan(1e-6)
  })
  const alone = [0, 1, 2].map((run) => {
    const size = runs.weights.length / 3
    const weights = runs.weights.slice(run * size, (run + 1) * size)
    const one = { seeds: [4n], weights, losses: runs.final_loss.slice(run, run + 1), outcomes: [runs.outcome[run]] }
    return ended(seedsFrame(kernel, experiment, one)).values
  })
  expect(values.mechanism).toEqual(alone.map(({ mechanism }) => mechanism[0]))
  expect(values.grade).toEqual(alone.map(({ grade }) => grade[0]))
})

it('a moment half-way between two steps is the one that NumPy takes', () => {
  const { model, corpus } = experimentOf({ text: 'a b', start: '', wrap: false })
  const numbers = 42 * corpus.n_ctx * corpus.d_vocab // in 42 moments
  const found = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 13, 16, 20, 25, 26, 29, 32, 33, 37, 41, 45, 49, 52, 53, 57, 61, 65, 66, 70, 74, 78, 82]
  expect(momentsOf({ corpus, model }, 82, numbers)).toEqual(found)
})

afterEach(() => vi.unstubAllGlobals())

const LONG = Array.from({ length: 40 }, (_, nth) => Array.from({ length: 30 }, (_, at) => `w${(nth * 7 + at * at) % 100}`).join(' ')).join(
  '\n',
)
const refused = (fields: Parameters<typeof experimentOf>[0]) => {
  const experiment = experimentOf(fields)
  try {
    train(kernel, experiment, [1]).next()
    return ''
  } catch (error) {
    const [{ text, command }] = (error as { problems: { text: string; command: string }[] }).problems
    return `${text} (${command})`
  }
}

it.each([
  ['the notebook', {}, ''],
  ['many steps', { steps: 100_000 }, ''],
  ['wide heads', { d_head: 1024, n_layers: 2 }, ''],
  ['two large steps', { text: LONG, n_layers: 8, n_heads: 16, d_head: 64, schedule: 'constant', steps: 2 }, ''],
  ['many large steps', { text: LONG, n_layers: 8, n_heads: 16, d_head: 64 }, 'about .* (minutes|hours) here: take fewer steps'],
])('before %s are trained it is known whether that takes too long', (_, fields, said) => {
  expect(refused(fields)).toMatch(said ? new RegExp(`one run must take at most 30 s in the lab, .*${said}.*headlab train`) : /^$/)
})

it('a page without workers begins no step that would stop it', () => {
  vi.stubGlobal('document', {})
  expect(refused({})).toBe('')
  expect(refused({ text: LONG, n_layers: 8, n_heads: 16, d_head: 64, schedule: 'constant', steps: 2 })).toMatch(
    'a step must take at most 0.1 s',
  )
})
