// The same bits in Node. HEADLAB_LONG=1: all seeds of all settings, half a minute; otherwise all of one, and of the others the first.
import { describe, expect, it } from 'vitest'
import { Kernel } from '../../src/kernel/kernel'
import { FEW, hashed, MANY, NUMERICS, seedsTo, type Setting, SETTINGS, train } from './golden'
import { kernel } from './module'

const named = SETTINGS.map((setting) => [setting.name, setting] as const)
const LONG = Boolean(import.meta.env.HEADLAB_LONG)

const hash = (setting: Setting, seeds: number[], milliseconds?: number) =>
  hashed(kernel, setting.problem, train(kernel, setting, seeds, milliseconds).weights)

it('the hashes are of these bits', () => {
  expect(Kernel.numerics).toBe(NUMERICS)
  expect(SETTINGS.length).toBe(14)
})

describe.each(named)('%s', (name, setting) => {
  it('its seeds have the hash of every processor', () => {
    const all = LONG || name === 'd_head 10'
    expect(hash(setting, seedsTo(all ? MANY : FEW))).toBe(setting.sha256[all ? 'many' : 'few'])
  })
})

it.each(LONG ? named : named.slice(3, 4))('%s: however it is cut', (_, setting) => {
  expect(hash(setting, seedsTo(FEW), 0.2)).toBe(setting.sha256.few)
})
