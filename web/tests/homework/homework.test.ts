// What a homework's page works out: ids, variants, rules, the file that is handed in, what is missing, what a course keeps.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { NOTEBOOK } from '../../src/config/experiment'
import {
  bytesOf,
  fileOf,
  fromAddress,
  inAddress,
  keptOf,
  MOST_BYTES,
  nameOfFile,
  type Work,
  workIn,
  workOf,
} from '../../src/homework/answers'
import { addressOf, type Assignment, assignmentIn, fieldsOf, ID, variantOf } from '../../src/homework/assignment'
import { collectedOf, measureCollected } from '../../src/homework/collected'
import { agreeing, type Facts, lacking } from '../../src/homework/missing'
import { RulesOf } from '../../src/homework/rules'
import { apiOf, Course } from '../../src/homework/scorm'
import { hex, sha256 } from '../../src/homework/sha256'
import { holds, numberIn } from '../../src/homework/table'

const assignment = JSON.parse(readFileSync('tests/homework/hw1.json', 'utf8')) as Assignment
const variant = variantOf(assignment, 'ab12')
const { start } = variant

const facts = (change: Partial<Facts> = {}): Facts => ({
  ...{ hash: '0'.repeat(32), finished: true, loss: 0.17, grade: 'solved', mechanism: 'value-coded', predictions: [] },
  ...{ measured: { looks1: { values: [1], shown: '“man”' } }, heads: 1, vocabulary: [], sentences: [] },
  ...change,
})

describe('SHA-256', () => {
  it('is that of Node, of bytes of every length around a block and of a long text', () => {
    for (const length of [0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1000]) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length) % 256)
      expect(hex(sha256(bytes))).toBe(createHash('sha256').update(bytes).digest('hex'))
    }
  })
})

describe('a variant', () => {
  it('is the one that Python gives the id, whatever its case', () => {
    expect([variant.number, variant.seeds]).toEqual([19, [2900, 2999]])
    expect(variantOf(assignment, 'AB12').number).toBe(19)
    expect(start.seed).toBe(2900)
  })

  it('is none without an id, or without variants', () => {
    expect(variantOf(assignment, '')).toEqual({ number: null, start: NOTEBOOK, seeds: null })
    expect(variantOf({ ...assignment, variants: null }, 'ab12').number).toBe(null)
    expect(['', 'a b', 'ä', 'x'.repeat(65)].filter((id) => ID.test(id))).toEqual([])
  })

  it('may have sentences of its own, which cannot be changed', () => {
    const variants = { number: 2, seeds: null, corpora: ['a b', 'a c'], corpus: [1, 1] }
    const own = variantOf({ ...assignment, variants }, 'ab12')
    expect([own.start.text, own.start.task, own.seeds]).toEqual(['a c', '', null])
    const rules = new RulesOf({ ...assignment, fixed: [], variants }, own)
    expect(rules.held({ ...own.start, text: 'x', task: 'notebook' })).toEqual(own.start)
  })
})

describe('rules', () => {
  const rules = new RulesOf(assignment, variant)
  const held = (change: object) => rules.held({ ...start, ...change })

  it('fix what is fixed, and keep ranges', () => {
    expect(held({ learning_rate: 1, text: 'x', task: '', n_heads: 4, fork: 9, before: '{}' })).toEqual(start)
    expect([0, 5, 64, 900, '7', null].map((d_head) => held({ d_head }).d_head)).toEqual([1, 5, 64, 64, 20, 20])
  })

  it('keep a student among his seeds, whose neighbours are a ring that dice fall in', () => {
    const seeds = [2900, 2999, 3000, 2899, 7, '18446744073709551615', 'x']
    expect(seeds.map((seed) => held({ seed }).seed)).toEqual([2900, 2999, 2900, 2999, 2907, 2915, 2900])
    expect(rules.allows({ ...start, seed: 2950 })).toBe(true)
    expect(rules.allows({ ...start, seed: 7 })).toBe(false)
  })

  it('hide what is hidden, whatever would be saved, and sizes that may not be chosen', () => {
    expect(['why', 'sizes', 'keep', 'seeds'].filter(rules.hidden)).toEqual(['why', 'sizes', 'keep'])
    const narrow = new RulesOf({ ...assignment, hide: [], ranges: { d_head: [1, 30] } }, variant)
    expect(['why', 'sizes'].filter(narrow.hidden)).toEqual(['sizes'])
  })

  it('leave trials to be made where a question asks whether one flips what is predicted, though the reasons are hidden', () => {
    const asking = assignment.questions.map((one) => (one.id === 'coding' ? { ...one, quantity: { name: 'flips' } } : one))
    expect(rules.hidden('trials')).toBe(true)
    expect(new RulesOf({ ...assignment, questions: asking }, variant).hidden('trials')).toBe(false)
  })
})

describe('an address of a run', () => {
  it('says its seed and what differs from the start, there and back', () => {
    const fields = { ...start, seed: 2905, d_head: 10, task: '', text: 'a ~b & c\n"é"', wrap: false, steps: 100 }
    const address = addressOf(fields, start)
    expect(address).toBe('seed=2905&task=&text=a+%7Eb+%26+c%0A%22%C3%A9%22&wrap=false&d_head=10&steps=100')
    expect(fieldsOf(address, start)).toEqual(fields)
    expect(addressOf(start, start)).toBe('seed=2900')
    expect(fieldsOf('seed=5&__proto__=1&nothing=2', start)).toEqual({ ...start, seed: 5 })
  })
})

const work: Work = {
  id: 'ab12',
  answers: {
    good: { run: 'seed=2901', view: 'query=3' },
    looks1: { value: 1 },
    why: { text: '  “It” looks at man \ud800 and says so.  ' },
    sizes: { runs: ['seed=2900&d_head=10', 'seed=2901', 'seed=2901&d_head=10'] },
    loss10: { value: '0.163' },
  },
}

describe('the file', () => {
  const hashes = new Map(['seed=2901', ...work.answers.sizes.runs!].map((address, nth) => [address, String(nth).repeat(32)]))

  it('has every run once, by its number, and no character that is half of one', () => {
    const text = fileOf(assignment, variant, work, (address) => hashes.get(address))
    const found = JSON.parse(text) as Record<string, unknown>
    expect(Object.keys(found)).toEqual([
      'headlab',
      'format',
      'assignment',
      'name',
      'version',
      'numerics',
      'id',
      'variant',
      'runs',
      'answers',
    ])
    expect(found).toMatchObject({ headlab: 'answer', format: 1, assignment: assignment.hash, id: 'ab12', variant: 19 })
    expect(found.runs).toEqual([
      ['seed=2901', '2'.repeat(32)],
      ['seed=2900&d_head=10', '1'.repeat(32)],
      ['seed=2901&d_head=10', '3'.repeat(32)],
    ])
    expect(found.answers).toMatchObject({ good: { run: 0, view: 'query=3' }, looks1: { value: 1 }, sizes: { runs: [1, 0, 2] } })
    expect(found.answers).toMatchObject({ why: { text: '“It” looks at man \ufffd and says so.' } })
    expect(bytesOf(text)).toBeLessThan(MOST_BYTES)
    expect(nameOfFile(assignment, work)).toBe('hw1-ab12.txt')
  })

  it('is a draft that goes on, and so is the address', () => {
    const clean = workOf(assignment, keptOf(assignment, work))
    expect(
      workIn(
        assignment,
        fileOf(assignment, variant, work, (address) => hashes.get(address)),
      ),
    ).toEqual(clean)
    expect(fromAddress(assignment, `#d_head=5&${inAddress(assignment, work)}`)).toEqual(clean)
    expect(inAddress(assignment, { id: '', answers: {} })).toBe('')
  })

  it.each(['', '[1]', 'null', '{"headlab": "run"}', '{"headlab": "answer", "assignment": "0"}'])('that says %s is no draft', (text) => {
    expect(workIn(assignment, text)).toMatch(/draft/)
  })

  it('of nonsense is read for what makes sense in it', () => {
    const said = {
      headlab: 'answer',
      assignment: assignment.hash,
      id: 5,
      runs: [3, ['seed=1']],
      answers: { good: { run: 7, view: 4 }, sizes: 5, why: { text: [] } },
    }
    expect(workIn(assignment, JSON.stringify(said))).toEqual({ id: '', answers: { good: {}, why: {} } })
    expect(fromAddress(assignment, '#answers=%7B')).toEqual({ id: '', answers: {} })
    expect(fromAddress(assignment, '#seed=5')).toBe(null)
  })
})

describe('what is missing', () => {
  const of = (some: Work, known = new Map<string, Facts>()) =>
    lacking({ assignment, variant, work: some, facts: known }).reduce<Record<string, string>>(
      (all, { question, text }) => ({ ...all, [question]: [all[question] ?? [], text].flat().join(', ') }),
      {},
    )

  it('is everything at first, a sentence each', () => {
    expect(of({ id: '', answers: {} })).toMatchObject({
      '': 'your id',
      good: 'a run',
      looks1: 'the run of question 1, a choice',
      why: 'a sentence',
      sizes: '3 runs at d_head 10, 3 runs at d_head 20, 3 runs at d_head 40',
      loss10: 'a number',
    })
  })

  it('is less with every answer; a run of another grade than is wanted is none', () => {
    const found = of(work, new Map([['seed=2901', facts({ grade: 'not solved' })]]))
    expect(found).toMatchObject({
      good: 'a run that is solved',
      why: '8 more characters',
      sizes: '1 run at d_head 10, 2 runs at d_head 20, 3 runs at d_head 40',
    })
    expect(Object.keys(found)).not.toContain('looks1')
    expect(of({ ...work, answers: { ...work.answers, loss10: { value: 'much' } } }).loss10).toBe('a number in place of “much”')
  })
})

describe('numbers', () => {
  it('are read with a point or a comma', () => {
    expect(['0.143', ' 0,143 ', '−1e-3', '.5'].map(numberIn)).toEqual([0.143, 0.143, -0.001, 0.5])
    expect(['', 'x', '1.2.3', '0x10', '1e999', undefined].filter((said) => !Number.isNaN(numberIn(said)))).toEqual([])
  })

  it('are right as they are shown, and within the tolerance', () => {
    const loss = { name: 'loss' }
    const found = { values: [0.14321], shown: '0.1432' }
    expect(['0.1432', '0.1433', '0.15'].map((said) => holds(found, loss, said))).toEqual([true, false, false])
    expect(holds(found, loss, '0.15', 0.007)).toBe(true)
  })
})

describe('collected runs', () => {
  const asked = assignment.questions.find(({ id }) => id === 'sizes')!.runs!
  const known = new Map([
    ['seed=2900&d_head=10', facts({ loss: 0.1 })],
    ['seed=2901&d_head=10', facts({ loss: 0.3, grade: 'not solved' })],
    ['seed=2902&d_head=10', facts({ loss: 0.2 })],
    ['seed=2900&d_head=40', facts({ loss: null, finished: false, grade: 'not solved' })],
    ['seed=2900&d_head=7', facts()],
    ['seed=2903&d_head=10&momentum=0.5', facts()],
  ])
  const runs = collectedOf(asked, [...known.keys(), 'seed=2909&d_head=10'], start, known)

  it('are those that are trained, at the values, alike in all else', () => {
    expect(runs.map(({ value, seed }) => [value, seed])).toEqual([
      [10, '2900'],
      [10, '2901'],
      [10, '2902'],
      [40, '2900'],
    ])
  })

  it('have a share, a median and a difference', () => {
    const of = (name: string, more: object = {}) => measureCollected({ name, value: 10, ...more }, asked, runs)
    expect(of('share')).toEqual({ values: [2 / 3], shown: '0.667' })
    expect(of('median_loss')).toEqual({ values: [0.2], shown: '0.2000' })
    expect(of('difference', { value: 40, base: 10, measure: 'share' }).values).toEqual(['cannot be told'])
    expect(of('difference', { value: 20, base: 10, measure: 'share' }).values).toEqual([])
  })
})

describe('points', () => {
  it('are those of answers that agree with their run', () => {
    const looked = { assignment, variant, work, facts: new Map([['seed=2901', facts()]]) }
    const of = (id: string) =>
      agreeing(
        looked,
        assignment.questions.find((question) => question.id === id)!,
        undefined,
      )
    expect([of('good'), of('looks1'), of('why'), of('looks2')]).toEqual([2, 1, 0, 0])
    expect(of('sizes')).toBeCloseTo((2 * 3) / 9)
  })
})

describe('a page', () => {
  const within = (text: string | null) => ({ querySelector: () => text && { textContent: text } }) as unknown as ParentNode

  it('says in a sentence that it has no assignment, or one that it cannot give', () => {
    expect(assignmentIn(within(JSON.stringify(assignment)))).toEqual(assignment)
    expect(assignmentIn(within(null))).toMatch(/No assignment/)
    expect(assignmentIn(within(JSON.stringify({ ...assignment, format: 2 })))).toMatch(/another version/)
    expect(assignmentIn(within(JSON.stringify({ ...assignment, numerics: 1 })))).toMatch(/numerics 1/)
  })
})

describe('a course', () => {
  function course(values: Record<string, string> = {}) {
    const said = { ...values }
    const api = {
      LMSInitialize: vi.fn(() => 'true'),
      LMSFinish: vi.fn(() => 'true'),
      LMSGetValue: (name: string) => said[name] ?? '',
      LMSSetValue: (name: string, value: string) => ((said[name] = value), 'true'),
      LMSCommit: vi.fn(() => 'true'),
    }
    return { api, said }
  }

  it('is found above this window, or above the one that opened it, or not at all', () => {
    const { api } = course()
    const [top, opener] = [{ API: api } as Record<string, unknown>, { API: api } as Record<string, unknown>]
    top.parent = top
    opener.parent = opener
    const alone: Record<string, unknown> = {}
    alone.parent = alone
    const as = (window: object) => window as unknown as Window
    expect(apiOf(as({ parent: { parent: top } }))).toBe(api)
    expect(apiOf(as({ ...alone, parent: alone, opener }))).toBe(api)
    expect(apiOf(as(alone))).toBe(null)
    expect(apiOf(as(Object.defineProperty({}, 'API', { get: () => { throw new Error('of another origin') } })))).toBe(null) // prettier-ignore
  })

  it('keeps the answer where it fits, the score, and that it is complete', () => {
    const { api, said } = course({ 'cmi.core.student_id': 'ab12' })
    const held = Course.begin(api)!
    expect([held.student, held.kept, said['cmi.core.lesson_status']]).toEqual(['ab12', '', 'incomplete'])
    expect(held.tell({ kept: ['x'.repeat(4097), 'short'], score: 7.333, most: 19, complete: false })).toBe(false)
    expect(said['cmi.suspend_data']).toBe('short')
    expect(held.tell({ kept: ['x'.repeat(4096), 'short'], score: 190, most: 200, complete: true })).toBe(true)
    expect(said).toMatchObject({ 'cmi.core.score.raw': '95', 'cmi.core.score.max': '100', 'cmi.core.lesson_status': 'completed' })
    held.end()
    held.end()
    expect(api.LMSFinish).toHaveBeenCalledTimes(1)
    expect(held.tell({ kept: ['late'], score: 0, most: 1, complete: false })).toBe(false)
  })

  it('that will not begin is none', () => {
    expect(Course.begin({ ...course().api, LMSInitialize: vi.fn(() => 'false') })).toBe(null)
    expect(Course.begin(null)).toBe(null)
  })
})
