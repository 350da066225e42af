import { expect, it } from 'vitest'
import { carriedIn, carriedText } from '../src/carried'
import { decode, encode, frameOf, numbersAt, rows } from '../src/frames'
import { addingUp, argmax, percent, short, signed, softmax } from '../src/maths'
import { sigmoid } from '../src/model/outputs'

// encode(Frame("a", {"x": 1, "word": "日本"}, {"m": arange(6).reshape(2, 3), "n": []}), id=7) of src/headlab/report/frames/wire.py
const SENT =
  'TAAAAHsia2luZCI6ImEiLCJ4IjoxLCJ3b3JkIjoi5pel5pysIiwiaWQiOjcsImFycmF5cyI6W1sibSIsWzIsM11dLFsibiIsWzBdXV19ICAAAAAAAACAPwAAAEAAAEBAAACAQAAAoEA='

it('a frame is read as Python wrote it', () => {
  const bytes = Uint8Array.from(atob(SENT), (letter) => letter.charCodeAt(0))
  const frame = decode(bytes.buffer)
  expect({ ...frame, arrays: undefined }).toEqual({ kind: 'a', id: 7, values: { x: 1, word: '日本' }, arrays: undefined })
  expect(rows(frame.arrays.m)).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ])
  expect(Array.from(numbersAt(frame.arrays.m, 1).data)).toEqual([3, 4, 5])
  expect(frame.arrays.n.data.length).toBe(0)
})

// encode(Frame("b", {"seed": [2**53 - 1, 2**53 + 1]}, {"p": shares([0, 0.2, 1]), "n": [5]}), id=1)
const SHORT =
  'aAAAAHsia2luZCI6ImIiLCJzZWVkIjpbOTAwNzE5OTI1NDc0MDk5MSwiOTAwNzE5OTI1NDc0MDk5MyJdLCJpZCI6MSwiYXJyYXlzIjpbWyJwIixbM10sInNoYXJlIl0sWyJuIixbMV1dXX0gADP/AAAAoEA='

it('shares come as bytes, and whole numbers beyond what is exact as text', () => {
  const { values, arrays } = decode(Uint8Array.from(atob(SHORT), (letter) => letter.charCodeAt(0)).buffer)
  expect(values.seed).toEqual([9007199254740991, '9007199254740993'])
  expect(Array.from(arrays.p.data)).toEqual([0, Math.fround(0.2), 1])
  expect(Array.from(arrays.n.data)).toEqual([5])
})

it('what is written is read again, whatever its texts', () => {
  for (const text of [SENT, SHORT]) {
    const frame = decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer)
    frame.values.word = '</script><!-- 日本 "\\'
    expect(decode(encode(frame).buffer as ArrayBuffer)).toEqual(frame)
    const carried = { numerics: 2, fields: { text: '</script>', seed: 4 }, frames: [frameOf(encode(frame).buffer as ArrayBuffer)] }
    expect(carriedText(carried)).not.toContain('<')
    expect(carriedIn(carriedText(carried))).toEqual(carried)
  }
})

it('outputs are shares, and the likeliest is the largest', () => {
  const [one, other, least] = softmax([1000, 1001, -3])
  expect([other / one, one + other + least, least]).toEqual([expect.closeTo(Math.E), expect.closeTo(1), 0])
  expect(softmax([NaN, 0])).toEqual([NaN, NaN])
  expect([sigmoid(0), sigmoid(-1e4), sigmoid(1e4)]).toEqual([0.5, 0, 1])
  expect(argmax([1000, 1001, -3])).toBe(1)
  expect([short(0.974), short(0.999), short(0.001), short(NaN)]).toEqual(['.97', '1.00', '.00', '–'])
})

it('a number is drawn as it is said: in the digits of the sentences', () => {
  expect([signed(0.125), signed(-0.0004, 3), signed(-0.004), signed(2.5, 0)]).toEqual(['+0.12', '+0.000', '+0.00', '+2'])
  expect([percent(0.125), percent(-0.031), percent(-0.001), percent(1)]).toEqual(['12\u00a0%', '−3\u00a0%', '0\u00a0%', '100\u00a0%'])
})

it.each([
  [[-0.292, -0.311, 0.003, 3.488, 0.001, -0.158], 2.73],
  [[0.005, 0.005, 0.005, 0.005], 0.02],
  [[1 / 3, 1 / 3, 1 / 3], 1],
  [[-0.004, -0.004, -0.004, 2], 1.99],
])('what is shown of %s adds up to what is shown of the sum', (values, sum) => {
  const shown = addingUp(values)
  expect(shown.reduce((total, value) => total + Math.round(100 * value), 0)).toBe(Math.round(100 * sum))
  shown.forEach((value, at) => expect(Math.abs(value - values[at])).toBeLessThan(0.01 + 1e-9))
  expect(shown[values.indexOf(Math.max(...values.map(Math.abs)))]).toBe(Math.round(100 * Math.max(...values)) / 100)
})
