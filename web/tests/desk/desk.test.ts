import { expect, it, vi } from 'vitest'
import { PATIENCE_MS } from '../../src/desk/crew'
import { type Hand, Member } from '../../src/desk/member'
import { keysOf } from '../../src/desk/plans'
import type { Frame, Progress, Seeds, Sizes } from '../../src/protocol'
import { company, kinds, MODULE } from './company'

const last = <Found extends Frame>(came: Frame[], kind: string) => came.filter((frame) => frame.kind === kind).at(-1) as Found

it('the picture comes first, then its reasons, then seeds, the first of them early, and then head sizes', async () => {
  const { came, began, show, until } = company()
  show({ seed: 70 })
  await until(() => last<Sizes>(came, 'sizes')?.values.round === 1)
  const order = came.map(({ kind }) => kind).filter((kind, nth, all) => kind !== all[nth - 1])
  expect(order).toEqual(['hello', 'picture', 'why', 'seeds', 'sizes'])
  const seeds = came.filter((frame): frame is Seeds => frame.kind === 'seeds')
  expect(seeds.map(({ values }) => values.seed.length)).toEqual([16, 32, 64])
  expect(seeds.at(-1)!.values.seed).toEqual(Array.from({ length: 64 }, (_, nth) => 64 + nth))
  expect(Array.from(seeds.at(-1)!.arrays.pattern.data)).toEqual(seeds.at(-1)!.values.seed)
  expect(new Set(began.filter((one) => one.startsWith('seeds')))).toEqual(new Set(['seeds 0', 'seeds 1']))
  expect(last<Sizes>(came, 'sizes').values).toMatchObject({ counted: { length: 4 } })
})

it('the latest wish wins: of many, what is begun and the last one are trained', async () => {
  const { came, began, show, until } = company()
  for (let size = 1; size <= 20; size++) show({ d_head: size })
  await until(() => last(came, 'why')?.id === 20)
  expect(kinds(came).filter((one) => one.startsWith('picture'))).toEqual(['picture 1', 'picture 20'])
  expect(began.filter((one) => one.startsWith('why'))).toHaveLength(1)
})

it('while a picture is worked on, whoever works has the next wish already, and the newest of them alone', async () => {
  const given: string[] = []
  const { came, began, show, until } = company({
    worker: (made) => {
      const hand = made()
      const post = hand.postMessage.bind(hand)
      hand.postMessage = (message) => {
        if ('kind' in message) given.push(`${message.kind} ${message.fields.d_head}`)
        post(message)
      }
      return hand
    },
  })
  show({ d_head: 1, picture_slices: 9 })
  await until(() => began.length === 1)
  show({ d_head: 2 })
  show({ d_head: 3 })
  expect([given, came.some(({ kind }) => kind === 'picture')]).toEqual([['picture 1', 'picture 2', 'picture 3'], false])
  await until(() => last(came, 'picture')?.id === 3)
  expect([began.filter((one) => one.startsWith('picture')).length, kinds(came).includes('picture 2')]).toEqual([2, false])
})

it('a training that takes long is given up for a newer wish, says how far it is, and can be stopped', async () => {
  const { desk, came, show, until } = company()
  show({ picture_slices: 1e6 })
  await until(() => came.some(({ kind }) => kind === 'progress'))
  const { share, seconds } = last<Progress>(came, 'progress').values
  expect([share > 0, share < 0.01, seconds > 100]).toEqual([true, true, true])
  show({ d_head: 2 })
  await until(() => last(came, 'picture')?.id === 2)
  show({ picture_slices: 1e6, d_head: 3 })
  await until(() => last(came, 'progress').id === 3)
  desk.ask({ ask: 'stop', id: 3, fields: {} })
  await until(() => last(came, 'problems')?.id === 3)
  show({ d_head: 4 })
  await until(() => last(came, 'picture')?.id === 4)
  expect(kinds(came).filter((one) => one.startsWith('picture'))).toEqual(['picture 2', 'picture 4'])
})

it('what takes long beside a training says how far it is, and is given up when it is not wanted or settings change', async () => {
  const { desk, came, began, show, until } = company()
  show({})
  await until(() => came.some(({ kind }) => kind === 'why'))
  const told = (id: number) => came.filter((frame) => frame.kind === 'progress' && frame.id === id).length
  for (const [id, giveUp] of [
    [100, () => desk.ask({ ask: 'stop', id: 100, fields: {} })],
    [101, () => show({ d_head: 2 })],
  ] as const) {
    desk.ask({ ask: 'minimal', id, fields: { minimal_slices: 1e6 } })
    await until(() => told(id) > 1)
    giveUp()
    desk.ask({ ask: 'trial', id: id + 100, fields: {} })
    await until(() => came.some((frame) => frame.id === id + 100))
  }
  expect(last(came, 'problems')).toBeUndefined()
  desk.ask({ ask: 'minimal', id: 103, fields: {} })
  await until(() => last(came, 'minimal')?.id === 103)
  expect(began.filter((one) => one.startsWith('minimal'))).toHaveLength(3)
})

it('what a hand waits for does not wait for many seeds, which go on where they were', async () => {
  const { desk, came, began, show, until } = company({ workers: 1 })
  show({ seeds_slices: 40 })
  await until(() => began.includes('seeds 0'))
  desk.ask({ ask: 'trial', id: 100, fields: {} })
  await until(() => came.some(({ id }) => id === 100))
  expect(last(came, 'seeds')).toBeUndefined()
  await until(() => last<Seeds>(came, 'seeds')?.values.seed.length === 64)
  expect(began.filter((one) => one === 'seeds 0')).toHaveLength(8) // none was begun again
})

it('with other settings nothing of before comes any more; what does not depend on the change goes on', async () => {
  const { came, show, until } = company()
  show({ seeds_slices: 10, n: 1 })
  await until(() => came.some(({ kind }) => kind === 'why'))
  const before = came.length
  show({ seeds_slices: 10, n: 1, seed: 3 })
  await until(() => last<Seeds>(came, 'seeds')?.values.seed.length === 64)
  expect(last(came, 'seeds').id).toBe(2)
  expect(came.slice(before).filter(({ id }) => id < 2)).toEqual([])
  show({ seeds_slices: 10, n: 2, seed: 3 })
  await until(() => last<Seeds>(came, 'seeds').id === 3)
  expect(last<Seeds>(came, 'seeds').values.seed.length).toBe(16)
})

it('settings that are refused are said once, and nothing else is trained with them', async () => {
  const { came, began, show, until } = company()
  show({ refused: 'picture' })
  await until(() => came.length > 1)
  expect(came[1]).toMatchObject({ kind: 'problems', id: 1, values: { problems: [{ text: 'no' }] } })
  expect(began).toEqual(['picture 0'])
})

it('where no worker can start, at once or later, this thread does everything', async () => {
  const thrown = company({
    worker: () => {
      throw new Error('forbidden')
    },
  })
  const failing = company({
    worker() {
      const hand: Hand = { postMessage() {}, terminate() {}, onmessage: null }
      setTimeout(() => hand.onerror?.(new Event('error') as ErrorEvent))
      return hand
    },
  })
  const dying = company({
    worker(made) {
      const hand = made()
      setTimeout(() => hand.onerror?.(new Event('error') as ErrorEvent), 2)
      return hand
    },
  })
  for (const { came, began, show, until } of [thrown, failing, dying]) {
    show({})
    await until(() => last<Seeds>(came, 'seeds')?.values.seed.length === 64)
    expect(new Set(began.map((one) => one.split(' ')[1]))).toEqual(new Set(['-1']))
  }
})

it('a worker that does not begin is not waited for, but this thread is, however late it begins', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  const lost: Member[] = []
  const listener = { hear() {}, ready() {}, lost: (member: Member) => void lost.push(member) }
  const member = new Member(() => new Promise(() => {}), Promise.resolve({ load: MODULE }), listener)
  await vi.advanceTimersByTimeAsync(4000)
  expect(lost).toEqual([member])
  const hand: Hand = { postMessage() {}, terminate() {}, onmessage: null }
  void member.start(() => hand, PATIENCE_MS)
  await vi.advanceTimersByTimeAsync(PATIENCE_MS / 2)
  hand.onmessage!({ data: { ready: true } } as MessageEvent)
  await vi.advanceTimersByTimeAsync(PATIENCE_MS)
  vi.useRealTimers()
  expect([lost.length, member.ready]).toEqual([1, true])
})

it('a worker that dies is replaced, and its work is done; what kills it again is given up with a sentence', async () => {
  const { came, began, hands, show, until } = company()
  show({ picture_slices: 50 })
  await until(() => began.length === 1)
  hands[0].onerror!(new Event('error') as ErrorEvent)
  await until(() => last(came, 'picture')?.id === 1)
  expect(began.slice(0, 2)).toEqual(['picture 0', 'picture 2'])
  show({ picture_slices: 1e5 })
  for (const nth of [2, 3]) {
    await until(() => began.at(-1) === `picture ${nth}`)
    hands[nth].onerror!(new Event('error') as ErrorEvent)
  }
  await until(() => last(came, 'problems')?.id === 2)
  show({ d_head: 5 })
  await until(() => last(came, 'picture')?.id === 3)
})

it('a worker that does not hear that something is not wanted any more is replaced, and the newer wish is done', async () => {
  let nth = 0
  const { came, show, until } = company({
    workers: 1,
    worker(made) {
      if (nth++) return made()
      const deaf: Hand = { postMessage() {}, terminate() {}, onmessage: null }
      setTimeout(() => deaf.onmessage?.({ data: { ready: true } } as MessageEvent))
      return deaf
    },
  })
  show({ d_head: 1 })
  await new Promise((done) => setTimeout(done, 20))
  show({ d_head: 2 })
  await until(() => last(came, 'picture')?.id === 2)
  expect(nth).toBe(2)
})

it('without WebAssembly that is said, and nothing waits for ever', async () => {
  const { said, show, until } = company({ load: Promise.reject(new Error('WebAssembly is not defined')) })
  show({})
  await until(() => said.length === 1)
  expect(said[0]).toContain('no WebAssembly')
  void MODULE
})

it('seeds are those of a block, whatever the seed in it; head sizes do not depend on the size that is shown', () => {
  const keys = keysOf({ seed: 70, d_head: 20, text: 'a' })
  expect(keysOf({ seed: 127, d_head: 20, text: 'a' }).seeds).toBe(keys.seeds)
  expect(keysOf({ seed: 128, d_head: 20, text: 'a' }).seeds).not.toBe(keys.seeds)
  expect(keysOf({ seed: 128, d_head: 5, text: 'a' }).sizes).toBe(keys.sizes)
  expect(keysOf({ seed: 70, d_head: 20, text: 'b' })).not.toMatchObject({ sizes: keys.sizes })
  expect(keysOf({ seed: '18446744073709551615' }).seeds).toBe(keysOf({ seed: '18446744073709551552' }).seeds)
  expect(keysOf({ seed: -1 }).seeds).not.toBe(keysOf({ seed: -2 }).seeds)
})

it('for who has left nothing comes any more', async () => {
  const { desk, came, show, until } = company()
  show({})
  await until(() => came.some(({ kind }) => kind === 'seeds'))
  desk.close()
  const before = kinds(came)
  await new Promise((done) => setTimeout(done, 50))
  expect(kinds(came)).toEqual(before)
})
