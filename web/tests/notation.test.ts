// Numbers and values as text, as Python writes them (tests/test_twin_numbers.py).
import { expect, it } from 'vitest'
import told from '../../tests/data/notation.json'
import * as numbers from '../src/notation/numbers'
import * as values from '../src/notation/values'
import { escapeUnseen } from '../src/notation/visible'

type Write = (...given: unknown[]) => unknown

const WRITES = { ...numbers, ...values, escapeUnseen } as unknown as Record<string, Write>

const named = (value: unknown) => (value !== null && typeof value === 'object' && 'number' in value ? Number(value.number) : value)

it('everything is written as Python writes it', () => {
  const wrong = (told as [string, unknown[], unknown][]).filter(([name, given, wanted]) => {
    const found = WRITES[name](...given.map(named))
    if (name === 'rounded') return !Object.is(found, Number(String(wanted).replace('inf', 'Infinity')))
    return JSON.stringify(found) !== JSON.stringify(wanted)
  })
  expect(wrong.map(([name, given, wanted]) => [name, given, wanted, WRITES[name](...given.map(named))])).toEqual([])
})

it('texts are in the order of their characters, those beyond 16 bits last', () => {
  expect(['b', '\u{1f600}', 'a', '\uff5e', 'ab'].sort(values.inCodePoints)).toEqual(['a', 'ab', 'b', '\uff5e', '\u{1f600}'])
})
