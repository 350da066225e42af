// Where the work is done: workers made of a script that the page carries packed, which works from a file, too.

import kernel from '../../../src/headlab/engine/kernel-lab.wasm?packed'
import settings from '../config/settings.json'
import { unpack } from '../kernel/packed'
import type { Connect } from '../protocol'
import { UNITS } from '../work/units'
import { Crew, type Place } from './crew'
import { handOf } from './member'
import { Desk } from './desk'
import type { Load, Message } from './messages'
import worker from './worker?bundled'

const MOST_WORKERS = 8

const given = `globalThis.headlabSettings = ${JSON.stringify(settings)};\n` // web/plugins.js leaves them out of the source

let script: Promise<Blob> | undefined

async function address(): Promise<string> {
  script ??= unpack(worker).then((source) => new Blob([given, source], { type: 'text/javascript' }))
  return URL.createObjectURL(await script)
}

const place: Place = {
  workers: Math.max(1, Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1)),

  worker: async () => new Worker(await address()),

  async here() {
    const { port1, port2 } = new MessageChannel()
    const global = globalThis as { headlabPort?: MessagePort }
    global.headlabPort = port2
    await import(/* @vite-ignore */ await address())
    delete global.headlabPort
    const [hand, load] = [handOf(port1), await unpack(kernel)]
    const say = hand.postMessage.bind(hand)
    return Object.assign(hand, {
      postMessage: (message: Message) => say('load' in message ? { load } : message), // Chromium's channels carry no module
    })
  },
}

async function load(): Promise<Load> {
  return { load: await WebAssembly.compile(await unpack(kernel)) }
}

let crew: Crew | undefined // of everything on this page

const crewOf = () => (crew ??= new Crew(place, load()))

// Of a page that shows some of that alone.
export const inPageWith =
  (seeds: boolean, sizes: boolean): Connect =>
  (listener) =>
    new Desk(listener, crewOf, sizes ? UNITS : [], seeds ? 'at once' : 'never')

export const inPage: Connect = (listener) => new Desk(listener, crewOf, UNITS)

// Of a view among others: the seeds that it came with stay until its settings change, where it came with some, and no sizes are tried.
export const inView =
  (seeds: boolean): Connect =>
  (listener) =>
    new Desk(listener, crewOf, [], seeds ? 'later' : 'never')
