import { expect, it } from 'vitest'
import type { Asked, Fields, Frame, TrialOf } from '../src/protocol'
import { Notebook, type Hear, type Said } from '../src/transport/notebook'

function frame(kind: string, id: number, run: number): DataView {
  const header = new TextEncoder().encode(JSON.stringify({ kind, id, run, arrays: [] }))
  const bytes = new Uint8Array(7 + header.length) // begins at no multiple of four, as a client may hand it over
  new DataView(bytes.buffer).setUint32(3, header.length, true)
  bytes.set(header, 7)
  return new DataView(bytes.buffer, 3)
}

// One model as a notebook's client has it: every view on it hears every message.
function notebook() {
  const hear: Hear[] = []
  const sent: Said[] = []
  const model = {
    get: () => [frame('hello', 0, 4), frame('picture', 0, 4), frame('why', 0, 4)],
    send: (said: Said) => void sent.push(said),
    on: (_: string, act: Hear) => void hear.push(act),
    off: (_: string, act: Hear) => void hear.splice(hear.indexOf(act), 1),
  }
  const view = () => {
    const got: Frame[] = []
    return { got, notebook: new Notebook({ take: (frame) => void got.push(frame), connected() {} }, model) }
  }
  const answer = (asked: Said, ...kinds: string[]) =>
    [...hear].forEach((act) =>
      act(
        { view: asked.view },
        kinds.map((kind) => frame(kind, asked.id, asked.run!)),
      ),
    )
  return { sent, view, answer }
}

const told = (got: Frame[]) => got.map(({ kind, values }) => `${kind} ${(values as { run: number }).run}`)
const show = (id: number, run: number): Asked => ({ ask: 'show', id, fields: {}, run })
const trial = (id: number, fields: Fields = {}, more?: TrialOf): Asked => ({ ask: 'trial', id, fields, more })

it('two views of one model each ask for what they show, and take their own answers', async () => {
  const { sent, view, answer } = notebook()
  const [one, two] = [view(), view()]
  await Promise.resolve()
  one.notebook.ask(show(1, 6))
  two.notebook.ask(trial(1, { fork: null }, { part: 'direct' })) // before the other's picture is there
  expect(sent[0].view).not.toBe(sent[1].view)
  answer(sent[0], 'picture', 'why')
  answer(sent[1], 'trial')
  one.notebook.ask(trial(2, {}, { part: 'direct' }))
  two.notebook.ask(trial(2, {}, { part: 'direct' }))
  expect(sent.map(({ ask, run }) => `${ask} ${run}`)).toEqual(['show 6', 'trial 4', 'trial 6', 'trial 4'])
  expect(told(one.got)).toEqual(['hello 4', 'picture 4', 'why 4', 'picture 6', 'why 6'])
  expect(told(two.got)).toEqual(['hello 4', 'picture 4', 'why 4', 'trial 4'])
})

it('a view that is made later begins with its own run again', async () => {
  const { sent, view, answer } = notebook()
  const one = view()
  await Promise.resolve()
  one.notebook.ask(show(1, 1))
  answer(sent[0], 'picture', 'why')
  const two = view()
  await Promise.resolve()
  two.notebook.ask(trial(1))
  expect(sent[1].run).toBe(4)
})

it('a view that is closed leaves the others their answers', async () => {
  const { sent, view, answer } = notebook()
  const [one, two] = [view(), view()]
  await Promise.resolve()
  one.notebook.close()
  two.notebook.ask(show(1, 2))
  answer(sent[0], 'picture')
  expect(told(one.got).at(-1)).toBe('why 4')
  expect(told(two.got).at(-1)).toBe('picture 2')
})

it('answers out of order leave what was asked for last', async () => {
  const { sent, view, answer } = notebook()
  const { got, notebook: asking } = view()
  await Promise.resolve()
  asking.ask(show(1, 6))
  asking.ask(show(2, 7))
  answer(sent[1], 'picture', 'why')
  answer(sent[0], 'picture', 'why')
  asking.ask(trial(3))
  expect(sent[2].run).toBe(7)
  expect(told(got).slice(3)).toEqual(['picture 7', 'why 7'])
})
