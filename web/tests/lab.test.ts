import { expect, it, vi } from 'vitest'
import { hello } from '../src/desk/hello'
import { Lab, type Start } from '../src/lab.svelte'
import type { Asked, Fields, Frame } from '../src/protocol'

const numbers = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((product, side) => product * side, 1)) })

function picture(id: number, moments: number, seed = 1): Frame {
  const corpus = {
    vocabulary: ['a', 'b'],
    labels: ['a', 'b'],
    tokens: [[0, 1]],
    targets: [[1, -1]],
    floor: 0,
    bigram_floor: 0,
    dependencies: [],
  }
  const run = { seed, outcome: '', finished: true, solved: true, grade: '', final_loss: 0.1, steps: 9, parameters: 9, causal: true }
  const values = { ...run, n_layers: 1, n_heads: 1, d_head: 1, drops: [], corpus }
  const steps = Float32Array.from({ length: moments }, (_, at) => (9 * at) / Math.max(1, moments - 1))
  const arrays = {
    moments: { ...numbers(moments), data: steps },
    pattern: numbers(moments, 1, 1, 1, 2, 2),
    logits: numbers(moments, 1, 2, 2),
  }
  return { kind: 'picture', id, values, arrays: { ...arrays, loss_step: numbers(1), loss: numbers(1) } }
}

const other = (kind: 'why' | 'seeds' | 'sizes' | 'problems', id: number, values: object = {}) =>
  ({ kind, id, values, arrays: {} }) as unknown as Frame

function begun(start: Partial<Start> = {}) {
  const asked: Asked[] = []
  const lab = new Lab({ connect: () => ({ ask: (one) => void asked.push(one), close() {} }), ...start })
  lab.take(hello)
  return { lab, asked }
}

const stale = ({ stale }: Lab) => Object.entries(stale).flatMap(([name, is]) => (is ? [name] : []))

it('at the first change all that is of other settings is known to be, and nothing else is', () => {
  const { lab } = begun()
  const all = (id: number) => [picture(id, 3), other('why', id), other('seeds', id), other('sizes', id)].forEach((frame) => lab.take(frame))
  expect(stale(lab)).toEqual(['picture', 'why', 'seeds', 'sizes'])
  all(1)
  expect(stale(lab)).toEqual([])
  lab.experiment.set('seed', 2)
  expect(stale(lab)).toEqual(['picture', 'why'])
  lab.experiment.set('d_head', 3)
  expect(stale(lab)).toEqual(['picture', 'why', 'seeds'])
  lab.experiment.set('text', 'a b\na c')
  expect(stale(lab)).toEqual(['picture', 'why', 'seeds', 'sizes'])
  lab.take(picture(2, 3)) // of the settings before
  expect(stale(lab)).toEqual(['picture', 'why', 'seeds', 'sizes'])
  all(4)
  expect(stale(lab)).toEqual([])
})

it('what is of other settings is marked when that lasts, and not before', () => {
  vi.useFakeTimers()
  const { lab } = begun()
  const marked = () => (['picture', 'why', 'seeds', 'sizes'] as const).filter((name) => lab.lasting.has(name))
  for (const kind of ['why', 'seeds', 'sizes'] as const) lab.take(other(kind, 0))
  lab.take(picture(0, 3))
  lab.experiment.set('seed', 2)
  vi.advanceTimersByTime(100)
  lab.take(picture(2, 3))
  lab.experiment.set('d_head', 3) // the reasons are still those of before
  expect(marked()).toEqual([])
  vi.advanceTimersByTime(150)
  expect(marked()).toEqual(['why'])
  vi.advanceTimersByTime(100)
  expect(marked()).toEqual(['picture', 'why', 'seeds'])
  for (const kind of ['why', 'seeds'] as const) lab.take(other(kind, 3))
  lab.take(picture(3, 3))
  expect(marked()).toEqual([])
  vi.useRealTimers()
})

it('what a page carries is drawn at once, and trained when it comes alive; its reasons stay until there are others', () => {
  const carried = { numerics: 2, fields: { seed: 7 } as Fields, frames: [picture(0, 2, 7), other('why', 0, { none: 'so' })] }
  const { lab, asked } = begun({ carried })
  expect([lab.shown.picture?.values.seed, lab.shown.nothing, stale(lab)]).toEqual([7, 'so', ['seeds', 'sizes']])
  expect(asked).toEqual([])
  lab.wake()
  expect(asked.map(({ ask, fields }) => [ask, fields.seed, fields.d_head])).toEqual([['show', 7, 20]])
  lab.take(picture(1, 3, 7))
  expect([lab.shown.why?.id, lab.shown.moments.length, stale(lab)]).toEqual([1, 3, ['seeds', 'sizes']])
})

it('a moment that is looked at stays where it was when the run comes with other moments, and one of an address waits for them', () => {
  vi.useFakeTimers() // no address is written
  const carried = { numerics: 2, fields: {}, frames: [picture(0, 3)] }
  const open = (hash: string) => {
    vi.stubGlobal('location', { hash })
    vi.stubGlobal('addEventListener', () => {})
    const { lab } = begun({ carried, address: true })
    vi.unstubAllGlobals()
    lab.wake()
    return lab
  }
  const looked = open('')
  looked.see({ moment: 1, against: 2 })
  looked.take(picture(1, 9))
  expect(looked.look).toMatchObject({ moment: 4, against: 8 })
  const linked = open('#moment=6&sequence=1')
  expect([linked.look.moment, linked.shown.moment]).toEqual([-1, 2])
  linked.take(picture(1, 9))
  expect(linked.look.moment).toBe(6)
  const changed = open('#moment=6')
  changed.see({ moment: 1 })
  changed.take(picture(1, 9))
  expect(changed.look.moment).toBe(4)
  vi.useRealTimers()
})

it('until new reasons come, the parts of before are there, those of the end', () => {
  const parts = { ...numbers(1, 1, 2), data: Float32Array.of(1, 2) }
  const why = (id: number) => ({ ...other('why', id, { dependencies: [{ sequence: 0, place: 0 }] }), arrays: { source: parts } }) as Frame
  const { lab } = begun({ carried: { numerics: 2, fields: {}, frames: [picture(0, 1), why(0)] } })
  lab.wake()
  lab.take(picture(1, 3))
  expect([lab.shown.contributions('source'), lab.shown.contributions('source', 1)]).toEqual([[1, 2], []])
  lab.experiment.set('seed', 5)
  lab.take(picture(2, 3, 5))
  expect([lab.shown.contributions('source'), lab.stale.why]).toEqual([[1, 2], true])
})

it.each([
  ['#d_head=5', 'd_head=6', 5],
  ['', 'd_head=6', 6],
  ['', '', 20],
])('with the address %s and the settings %s a page begins with the size %i, and draws what it carries only of that', (hash, link, size) => {
  vi.stubGlobal('location', { hash })
  vi.stubGlobal('addEventListener', () => {})
  const { lab } = begun({ carried: { numerics: 2, fields: {}, frames: [picture(0, 2)] }, address: true, link })
  vi.unstubAllGlobals()
  expect(lab.experiment.fields.d_head).toBe(size)
  expect(lab.shown.picture !== null).toBe(size === 20)
})

it('without an address or settings a page begins with what it carries', () => {
  vi.stubGlobal('location', { hash: '' })
  vi.stubGlobal('addEventListener', () => {})
  const { lab } = begun({ carried: { numerics: 2, fields: { d_head: 5 }, frames: [picture(0, 2)] }, address: true })
  vi.unstubAllGlobals()
  expect([lab.experiment.fields.d_head, lab.shown.picture?.id]).toEqual([5, 0])
})

it('a sentence that offers a command for the shell has the link of the settings in it', () => {
  const { lab } = begun()
  lab.experiment.set('steps', 90000)
  lab.take(other('problems', 2, { problems: [{ text: 'too long', command: "headlab train '{link}'", field: null, line: null }] }))
  expect(lab.settings.problems[0].command).toBe("headlab train '#steps=90000&schedule=plateau'")
})

it('how far a long training is, is shown until its picture is there; it can be stopped', () => {
  const { lab, asked } = begun()
  lab.take({ kind: 'progress', id: 1, values: { share: 0.5, seconds: 2 }, arrays: {} })
  expect(lab.progress).toEqual({ share: 0.5, seconds: 2 })
  lab.stop()
  expect(asked.at(-1)).toMatchObject({ ask: 'stop', id: 1 })
  lab.take(picture(1, 3))
  expect(lab.progress).toBeNull()
})
