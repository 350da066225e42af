import { expect, it } from 'vitest'
import { controls, counts } from '../src/fields'
import type { Row } from '../src/protocol'

const row = (name: string, more: Partial<Row> = {}): Row => ({
  name,
  label: name,
  help: '',
  kind: 'real',
  choices: [],
  usual: '',
  optimizers: null,
  ...more,
})

it('a setting that the page has never heard of has a control, after those that come first', () => {
  const found = controls([row('temperature'), row('learning_rate'), row('d_head', { kind: 'whole' })])
  expect(found.map(({ name, slider }) => [name, slider !== undefined])).toEqual([
    ['d_head', true],
    ['learning_rate', true],
    ['temperature', false],
  ])
})

it('an option counts for the optimizers that have it, and beside what it needs', () => {
  const [rho, nesterov] = controls([row('rho', { optimizers: ['rmsprop'] }), row('nesterov', { optimizers: ['sgd'] })])
  expect(counts(rho, { optimizer: 'rmsprop' })).toBe(true)
  expect(counts(rho, { optimizer: 'sgd' })).toBe(false)
  expect(counts(nesterov, { optimizer: 'sgd', momentum: 0 })).toBe(false)
  expect(counts(nesterov, { optimizer: 'sgd', momentum: 0.9 })).toBe(true)
})
