// A desk whose workers are ends of channels, and whose work says only what it was asked: what is tried is who does what, and when.

import { afterEach } from 'vitest'
import { Crew } from '../../src/desk/crew'
import { Desk } from '../../src/desk/desk'
import { type Hand, handOf } from '../../src/desk/member'
import type { Kind, Some, Task, Unit } from '../../src/desk/messages'
import { serve, type Works } from '../../src/desk/serve'
import type { Asked, Fields, Frame, Seeds } from '../../src/protocol'

export const MODULE = new WebAssembly.Module(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])) // an empty one
export const ROUNDS: Unit[][] = [0, 1].map((round) => [10, 20].map((size) => ({ size, first: 4 * round, count: 4 })))

const frame = (kind: string, values: object) => ({ kind, id: 0, values, arrays: {} }) as unknown as Frame
const numbers = (data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) })

// began: what was begun, by worker, in order; `slices` of a task's fields: in how many pieces it is done
export function worksOf(began: string[], worker: number): Works {
  const kinds: Kind[] = ['picture', 'why', 'trial', 'minimal', 'seeds', 'counts', 'sizes']
  const work = function* ({ kind, fields, more }: Task) {
    began.push(`${kind} ${worker}`)
    const slices = Number(fields[`${kind}_slices`] ?? 1)
    for (let slice = 0; slice < slices; slice++) {
      const until = performance.now() + 2
      while (performance.now() < until) continue
      yield slice / slices
    }
    if (fields.refused === kind) throw Object.assign(new Error(), { problems: [{ text: 'no', field: null, line: null }] })
    if (kind === 'counts') return { size: (more as Some).unit!.size, runs: (more as Some).seeds.length }
    if (kind !== 'seeds') return frame(kind, { ...fields, ...more, ...(kind === 'trial' && { worker }) })
    const { seeds } = more as Some
    const values = { seed: seeds, solved: seeds.map(() => true), grade: seeds.map(String), mechanism: seeds.map(String), order: ['a'] }
    const arrays = { loss: numbers(seeds.map(Number)), pattern: numbers(seeds.map(Number)) }
    return { kind, id: 0, values: { of: seeds.length, ...values }, arrays } as Seeds
  }
  return Object.fromEntries(kinds.map((kind) => [kind, (_: unknown, task: Task) => work(task)]))
}

const open: (() => void)[] = []
afterEach(() => open.splice(0).forEach((close) => close()))

export interface Company {
  desk: Desk
  came: Frame[]
  began: string[]
  hands: Hand[] // every worker that was ever made
  said: string[] // that nothing can be done
  show: (fields: Fields) => number
  until: (enough: () => boolean) => Promise<void>
}

interface Given {
  workers?: number
  worker?: (made: () => Hand) => Hand // how a worker is made
  load?: Promise<{ load: WebAssembly.Module }>
}

export function company({ workers = 2, worker = (made) => made(), load = Promise.resolve({ load: MODULE }) }: Given = {}): Company {
  const [came, began, hands, said]: [Frame[], string[], Hand[], string[]] = [[], [], [], []]
  const made = (works: Works) => {
    const { port1, port2 } = new MessageChannel()
    serve(port2, works)
    const hand = handOf(port1)
    hands.push(hand)
    return hand
  }
  const place = { workers, worker: () => worker(() => made(worksOf(began, hands.length))), here: () => made(worksOf(began, -1)) }
  const crew = new Crew(place, load)
  const listener = { take: (frame: Frame) => void came.push(frame), cannot: (why: string) => void said.push(why) }
  const desk = new Desk(listener, () => crew, ROUNDS)
  open.push(() => (desk.close(), crew.close()))
  let id = 0
  const show = (fields: Fields) => {
    const asked: Asked = { ask: 'show', id: ++id, fields }
    desk.ask(asked)
    return id
  }
  const until = async (enough: () => boolean) => {
    const end = performance.now() + 5000
    while (!enough()) {
      if (performance.now() > end)
        throw new Error(`it never came: ${JSON.stringify(came.map(({ kind, id }) => [kind, id]))}, begun: ${began.join(', ')}`)
      await new Promise((done) => setTimeout(done, 2))
    }
  }
  return { desk, came, began, hands, said, show, until }
}

export const kinds = (came: Frame[]) => came.map(({ kind, id }) => `${kind} ${id}`)
