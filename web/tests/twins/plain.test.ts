import { expect, it } from 'vitest'
import { differences, type Plain, plain } from './plain'

it.each<[Plain, Plain, string[]]>([
  [{ a: [1, { b: 'x' }] }, { a: [1, { b: 'y' }] }, ['.a[1].b: "x" is not "y"']],
  [[0], [2e-12], ['[0]: 0 is not 2e-12']],
  [[1e6], [1e6 + 1e-5], ['[0]: 1000000 is not 1000000.00001']],
  [null, { $: 'nan' }, [': null is not {"$":"nan"}']],
  [
    [true, 1],
    [1, true],
    ['[0]: true is not 1', '[1]: 1 is not true'],
  ],
  [{ total: 1e-8, value_share: 0.7 }, { total: 1e-8 + 1e-17, value_share: 0.7 - 7e-10 }, []],
  [{ total: 1, value_share: 0.7 }, { total: 1, value_share: 0.7 - 7e-10 }, ['.value_share: 0.7 is not 0.6999999993']],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, [': a,b are not b,a']],
  [[1, 1e9, plain(NaN)], [1 + 1e-13, 1e9 + 1e-4, { $: 'nan' }], []],
])('%j and %j differ where they do', (one, other, found) => {
  expect([...differences(one, other)]).toEqual(found)
})
