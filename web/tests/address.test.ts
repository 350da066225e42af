import { describe, expect, it } from 'vitest'
import { read, write } from '../src/state/address'
import { LOOK, type Look } from '../src/state/look.svelte'

const notebook = {
  task: 'notebook',
  text: 'man ordered\nwoman ordered',
  seed: 4,
  fork: null,
  wrap: true,
  learning_rate: 0.01,
  d_model: null,
  before: '',
}

describe('the address', () => {
  it('of the notebook is empty', () => {
    expect(write(notebook, notebook, LOOK)).toBe('')
    expect(read('', notebook)).toEqual({ fields: notebook, look: LOOK })
  })

  it('is the whole experiment, there and back', () => {
    const fields = {
      ...notebook,
      task: '',
      text: 'a b & c=d #\n% + "日本" <b>',
      seed: 12,
      fork: 1000,
      wrap: false,
      learning_rate: 1e-4,
      d_model: 9,
      before: '{"steps":3}',
    }
    const look: Look = { ...LOOK, sequence: 1, query: 3, moment: 7, against: 0, output: 'softmax', hide: 'seeds,why' }
    expect(read('#' + write(fields, notebook, look), notebook)).toEqual({ fields, look })
  })

  it('names the schedule beside steps, which alone are at a constant rate', () => {
    const scheduled = { ...notebook, steps: 5020, schedule: 'plateau' }
    const at = (change: object) => write({ ...scheduled, ...change }, scheduled, LOOK)
    expect(at({ steps: 1000 })).toBe('steps=1000&schedule=plateau')
    expect(at({ schedule: 'constant' })).toBe('schedule=constant')
    for (const change of [{ steps: 1000 }, { steps: 1000, schedule: 'constant' }, {}])
      expect(read(at(change), scheduled).fields).toEqual({ ...scheduled, ...change })
    expect(read('steps=1000', scheduled).fields.schedule).toBe('constant')
  })

  it('says nothing of what differs from nothing', () => {
    expect(write({ ...notebook, seed: 5 }, notebook, { ...LOOK, moment: 0 })).toBe('seed=5&numerics=2&moment=0')
  })

  it('knows a task by its name, and a text of one’s own by being one, whatever it says', () => {
    expect(read('#seed=5', notebook).fields.task).toBe('notebook')
    expect(read('#text=' + encodeURIComponent(notebook.text), notebook).fields).toEqual({ ...notebook, task: '' })
    expect(read('#wrap=false', notebook).fields.task).toBe('')
    expect(write({ ...notebook, task: '' }, notebook, LOOK)).toBe('task=')
    expect(read('#task=', notebook).fields).toEqual({ ...notebook, task: '' })
    expect(write({ ...notebook, task: '', text: 'a b' }, notebook, LOOK)).toBe('text=a+b')
  })

  it.each([
    'seed=NaN&fork=&learning_rate=Infinity&wrap=',
    '__proto__=5&constructor=x&toString=y',
    'moment=0.5&query=x&layer=1e400',
    '&&&=&%',
  ])('takes %s for what makes sense in it', (hash) => {
    const { fields, look } = read(hash, notebook)
    expect(fields).toEqual({ ...notebook, ...(hash.includes('wrap') && { wrap: false, task: '' }) })
    expect(look).toEqual(LOOK)
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})
