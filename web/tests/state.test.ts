import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Asked, Fields, Frame, Value } from '../src/protocol'
import { Experiment, type Rules } from '../src/state/experiment.svelte'
import { LOOK, Looking } from '../src/state/look.svelte'
import { Requests } from '../src/state/requests.svelte'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const notebook: Fields = { text: 'a b', seed: 4, d_head: 20, learning_rate: 0.01, optimizer: 'sgd', fork: null, before: '' }
const hello = {
  notebook,
  fields: [],
  fork_fields: ['learning_rate', 'optimizer'],
  can: { train: true, try: true },
  palette: {},
  words: { mechanisms: {}, ablations: {}, coding: { pattern: '', value: '', direct: '' }, measures: {} },
}

describe('an experiment', () => {
  function begun() {
    const changed = vi.fn()
    const experiment = new Experiment(changed)
    experiment.begin(hello)
    experiment.fields = { ...notebook }
    return { experiment, changed }
  }

  it('goes back and forth; changes of one setting that follow each other fast are undone together', () => {
    const { experiment, changed } = begun()
    for (const size of [21, 22, 23]) experiment.set('d_head', size)
    vi.advanceTimersByTime(1000)
    experiment.set('d_head', 30)
    experiment.set('seed', 5)
    experiment.set('seed', 5) // no change
    expect(changed).toHaveBeenCalledTimes(5)
    const been = () => [experiment.fields.d_head, experiment.fields.seed]
    const back = [0, 0, 0, 0].map(() => (experiment.undo(), been()))
    expect(back).toEqual([
      [30, 4],
      [23, 4],
      [20, 4],
      [20, 4],
    ])
    back.forEach(() => experiment.redo())
    expect(been()).toEqual([30, 5])
    experiment.undo()
    experiment.set('d_head', 7)
    expect(experiment.future).toEqual([])
  })

  it('has every seed beside its own, exactly, and none below 0 or beyond 2^64 − 1', () => {
    const { experiment } = begun()
    const after = (seed: Value, step: number) => (experiment.set('seed', seed), experiment.seed(step), experiment.fields.seed)
    expect(after(0, -1)).toBe(0)
    expect(after(2 ** 53 - 1, 1)).toBe('9007199254740992')
    expect(after('9007199254740993', 1)).toBe('9007199254740994')
    expect(after('9007199254740992', -1)).toBe(2 ** 53 - 1)
    expect(after('18446744073709551615', 1)).toBe('18446744073709551615')
    expect(after(-5, 1)).toBe(1)
  })

  it('that is forked keeps what was before it, and is the same again without the fork', () => {
    const { experiment } = begun()
    experiment.set('optimizer', 'adam')
    const whole = { ...experiment.fields }
    experiment.fork(1000)
    expect(experiment.fields).toEqual({ ...whole, fork: 1000, before: '{"optimizer":"adam"}' })
    const beside = experiment.besideTheFork
    experiment.set('learning_rate', 0.1)
    expect(experiment.besideTheFork).toBe(beside)
    experiment.unfork()
    expect(experiment.fields).toEqual(whole)
    experiment.set('d_head', 3)
    expect(experiment.besideTheFork).not.toBe(beside)
  })
})

describe('requests', () => {
  function begun() {
    const sent: Asked[] = []
    let seed = 1
    const requests = new Requests({ ask: (asked) => void sent.push(asked), close() {} }, () => ({ seed: seed++ }))
    return { sent, requests }
  }

  it('are awaited until the picture of the last one is there, and say how long it took', () => {
    const { sent, requests } = begun()
    for (let change = 0; change < 5; change++) {
      requests.show()
      vi.advanceTimersByTime(10)
    }
    expect(sent.map(({ id, fields }) => [id, fields.seed])).toEqual([1, 2, 3, 4, 5].map((id) => [id, id]))
    requests.shown(3)
    expect([requests.busy, requests.delay]).toEqual([true, 30])
    requests.shown(1) // an older one
    expect(requests.busy).toBe(true)
    requests.shown(5)
    expect([requests.busy, requests.delay]).toEqual([false, 10])
  })

  it('that one waits for are answered once, each by its own frame', async () => {
    const { sent, requests } = begun()
    const both = [requests.ask('trial', { patch: 'v' }), requests.ask('weights')]
    const answer = (kind: string, id: number) => ({ kind, id, values: {}, arrays: {} }) as unknown as Frame
    expect(requests.deliver(answer('picture', 7))).toBe(false)
    expect(requests.deliver(answer('weights', sent[1].id))).toBe(true)
    expect(requests.deliver(answer('problems', sent[0].id))).toBe(true)
    expect(requests.deliver(answer('problems', sent[0].id))).toBe(false)
    expect((await Promise.all(both)).map(({ kind }) => kind)).toEqual(['problems', 'weights'])
  })
})

it('one looks at what is there: a place beyond goes to the nearest, a moment beyond to the end', () => {
  const looking = new Looking()
  looking.see({ sequence: 5, layer: 3, head: -1, query: 9, moment: 80, against: 90, hide: 'why,seeds' })
  looking.keepInside({ lengths: [4, 6], layers: 2, heads: 1, moments: 75 })
  expect(looking.look).toEqual({ ...LOOK, sequence: 1, layer: 1, head: 0, hide: 'why,seeds' })
  expect([looking.hidden('why'), looking.hidden('knobs')]).toEqual([true, false])
})

it('with rules, nothing that sets something gets round them: no value, address, reset, step back, neighbour, dice or fork', () => {
  const rules: Rules = {
    held: (wanted) => ({ ...wanted, task: 'notebook', text: 'a', d_head: Math.min(Number(wanted.d_head), 9), seed: 5, fork: null }),
    locked: (name) => name === 'seed',
    hidden: (name) => name === 'why',
  }
  const experiment = new Experiment(() => {})
  const start: Fields = { task: 'notebook', text: 'a', d_head: 4, seed: 1, fork: null, before: '' }
  experiment.fields = start
  experiment.begin({ ...hello, notebook: start })
  experiment.set('d_head', 20) // before there are any
  experiment.rules = rules
  const attempts = [
    () => experiment.set('seed', 7),
    () => experiment.set('text', 'b'),
    () => experiment.set('task', 'many'),
    () => experiment.seed(1),
    () => experiment.dice(),
    () => experiment.become({ ...start, seed: 8, d_head: 30 }),
    () => experiment.fork(3),
    () => experiment.undo(),
    () => experiment.undo(),
    () => experiment.redo(),
    () => experiment.set('d_head', 12),
  ]
  for (const attempt of attempts) {
    attempt()
    const { seed, d_head, text, task, fork } = experiment.fields
    expect({ seed, text, task, fork }).toEqual({ seed: 5, text: 'a', task: 'notebook', fork: null })
    expect(d_head).toBeLessThanOrEqual(9)
  }
  expect([experiment.locked('seed'), experiment.locked('text')]).toEqual([true, false])
  const looking = new Looking()
  looking.rules = rules
  looking.see({ hide: '' })
  expect([looking.hidden('why'), looking.hidden('seeds')]).toEqual([true, false])
})
