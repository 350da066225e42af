import { expect, it } from 'vitest'
import { problemsBeside } from '../src/problems'

it('a problem stands beside its line, beside its setting where that is shown, or by itself', () => {
  const said = [
    { text: 'd_head must be a whole number', field: 'd_head', line: null },
    { text: 'd_head must be small', field: 'd_head', line: null },
    { text: 'a sentence must be short, got 70 in line 3', field: null, line: 3 },
    { text: 'd_model must be 7', field: 'd_model', line: null },
    { text: 'the corpus must have words in line 5 of something', field: null, line: null },
  ]
  const found = problemsBeside(said, ['seed', 'd_head'])
  expect([...found.fields]).toEqual([['d_head', 'd_head must be a whole number; d_head must be small']])
  expect([...found.lines]).toEqual([[3, said[2].text]])
  expect(found.text).toEqual([said[3].text, said[4].text])
})
