import { expect, it } from 'vitest'
import { problemsBeside } from '../src/problems'

it('a problem stands beside its line, beside its setting where that is shown, or by itself', () => {
  const said = [
    'd_head must be a whole number',
    'd_head must be small',
    'a sentence must be short, got 70 in line 3',
    'd_model must be 7',
    'the corpus must have words',
  ]
  const found = problemsBeside(said, ['seed', 'd_head'])
  expect([...found.fields]).toEqual([['d_head', 'd_head must be a whole number; d_head must be small']])
  expect([...found.lines]).toEqual([[3, said[2]]])
  expect(found.text).toEqual([said[3], said[4]])
})
