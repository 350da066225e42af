import { expect, it } from 'vitest'
import { linear, logarithmic, pathOf, points } from '../src/views/scale'

it('a scale goes there and back, and has round ticks within', () => {
  const x = linear([0, 5020], [20, 520])
  expect([x(0), x(5020), x.invert(520), x.invert(x(1234))]).toEqual([20, 520, 5020, expect.closeTo(1234)])
  expect(x.ticks(6)).toEqual([0, 1000, 2000, 3000, 4000, 5000])
  expect(x.ticks(3)).toEqual([0, 2000, 4000])
  expect(linear([0, 0.7], [0, 1]).ticks(6)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
  expect(linear([3, 3], [0, 1])(3)).toBe(0)
})

it('a logarithmic scale has the same room for every ratio; points keep their distance from the ends', () => {
  const y = logarithmic([0.1, 10], [100, 0])
  expect([y(0.1), y(1), y(10)]).toEqual([100, expect.closeTo(50), 0])
  const x = points([1, 5, 10], [0, 28], 0.4)
  expect([1, 5, 10].map(x)).toEqual([4, 14, 24])
  expect(points([7], [0, 8], 0.5)(7)).toBe(4)
  expect(pathOf([[0, 1], [2.25, 3]])).toBe('M0.0,1.0L2.3,3.0') // prettier-ignore
})
