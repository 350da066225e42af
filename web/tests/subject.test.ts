// What a model computes, however much of it is looked at in one call.
import { expect, it } from 'vitest'
import { choiceAt, choices } from '../src/analysis/choice'
import { Subject, subjectsOf } from '../src/analysis/subject'
import { experimentOf, problemOf } from '../src/config/experiment'
import { kernel } from './kernel/module'

const LONG = Array.from({ length: 24 }, (_, row) => Array.from({ length: 48 }, (_, at) => `w${(row * at + at * at) % 7}`).join(' ')).join(
  '\n',
)

const near = (found: Float64Array, wanted: ArrayLike<number>) => {
  expect(found.length).toBe(wanted.length)
  found.forEach((number, at) => expect(number).toBeCloseTo(wanted[at], 10))
}

it('a large corpus is looked at a sentence at a time, to the same numbers', () => {
  const experiment = experimentOf({ text: LONG, start: '', wrap: false, n_heads: 10, n_layers: 2, d_head: 2 })
  const { corpus, model } = experiment
  const problem = problemOf(experiment, 'float64')
  const weights = kernel.initial(problem, [5])
  const { clean } = new Subject(kernel, corpus, model, weights)
  const all = kernel.activations(problem, weights, ['pattern', 'scores', 'z', 'resid', 'logits'])
  const [sequences, n_ctx, width] = [corpus.n_sequences, corpus.n_ctx, corpus.d_vocab]
  for (const [layer, head, sequence, at] of [
    [0, 0, 0, 3],
    [1, 7, 20, 47],
    [1, 9, 23, 11],
  ]) {
    const nth = ((layer * 10 + head) * sequences + sequence) * n_ctx + at
    const part = (name: 'pattern' | 'scores' | 'z', size: number) => all[name].subarray(nth * size, (nth + 1) * size)
    near(clean.pattern(layer, head, sequence, at), part('pattern', n_ctx))
    near(clean.scores(layer, head, sequence, at), part('scores', n_ctx))
    near(clean.z(layer, head, sequence, at), part('z', width))
    const stream = (2 * sequences + sequence) * n_ctx + at
    near(clean.resid(2, sequence, at), all.resid.subarray(stream * width, (stream + 1) * width))
    near(clean.logits(sequence, at), clean.resid(2, sequence, at))
  }
})

it('many models at once are each what it is alone; one that is no number is none anywhere', () => {
  const experiment = experimentOf({})
  const { corpus, model } = experiment
  const weights = kernel.initial(problemOf(experiment, 'float64'), [1, 2, 3]) as Float64Array
  weights[weights.length / 3 + 5] = Infinity
  const size = weights.length / 3
  const each = subjectsOf(kernel, corpus, model, weights, [{}, {}, { finished: false }])
  each.forEach((subject, run) => {
    const alone = new Subject(kernel, corpus, model, weights.subarray(run * size, (run + 1) * size))
    expect(subject.clean.logits(1, 3)).toEqual(alone.clean.logits(1, 3))
    expect(subject.clean.pattern(0, 0, 1, 3)).toEqual(alone.clean.pattern(0, 0, 1, 3))
  })
  expect(each.map(({ finite, grade }) => [finite, grade])).toEqual([
    [true, 'not solved'],
    [false, 'not solved'],
    [false, 'not solved'],
  ])
  expect([...new Set(each[1].flat)]).toEqual([NaN])
})

it('what is asked for is there, or what there is is listed', () => {
  const experiment = experimentOf({})
  const { corpus, model } = experiment
  const subject = new Subject(kernel, corpus, model, kernel.initial(problemOf(experiment, 'float64'), [1]))
  expect(choiceAt(subject)).toEqual(choices(subject)[0])
  expect(choiceAt(subject, { position: 'ordered', tokens: ['the', 'beef'] }).place).toEqual({ sequence: 0, position: 2 })
  const said = (ask: () => unknown) => {
    try {
      ask()
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(said(() => choiceAt(subject, { sequence: 2 }))).toBe(
    'the sequence must be one of: 0 <Start> man ordered the chicken; 1 <Start> woman ordered the beef; got 2',
  )
  expect(said(() => choiceAt(subject, { position: 'beef' }))).toBe(
    "the position must be one of 0 <Start>, 1 man, 2 ordered, 3 the, 4 chicken; got 'beef'",
  )
  expect(said(() => choiceAt(subject, { position: 3, tokens: ['fish', 'beef'] }))).toBe(
    "the token must be one of <Start>, the, man, chicken, ordered, woman, beef; got 'fish'",
  )
  expect(said(() => choiceAt(subject, { position: 3, tokens: ['beef', 'beef'] }))).toBe(
    "tokens must be two different ones, got 'beef' twice",
  )
  expect(said(() => subject.layerAndHead(1, 0))).toBe('the layer must be 0, got 1')
})
