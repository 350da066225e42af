// A kernel that is asked by messages: in a worker, or, where there can be none, on the same thread through a channel. A training goes
// on in slices, and hears in between that it is not wanted any more.

import type { Problem, Recipe } from './asked'
import { breath } from './breath'
import { Kernel, type Seeds } from './kernel'
import type { Real } from './layout'
import { type Progress, type State, type Trained, Training } from './training'

export interface Asked {
  problem: Problem
  recipe: Recipe
  seeds?: Seeds // initial weights are drawn from them
  scale?: number
  weights?: Real // or these are gone on from
  state?: State
  optimizer_step?: number
}

type Callable = Exclude<keyof Kernel, 'module' | 'room'>
export type Call = { [name in Callable]: { call: name; given: Parameters<Kernel[name]> } }[Callable]
export type Message = { load: WebAssembly.Module | BufferSource } | { cancel: number } | ({ id: number } & (Call | { train: Asked }))
// A training that is not wanted any more answers nothing.
export type Answer = { id: number } & ({ progress: Progress } | { answer: unknown } | { cancelled: true } | { error: string })

export interface Port<Out> {
  postMessage(message: Out, transfer: Transferable[]): void
  onmessage: ((event: MessageEvent) => void) | null
}

const SLICE = 8 // milliseconds

export function serve(port: Port<Answer>) {
  let kernel: Promise<Kernel>
  const unwanted = new Set<number>()
  const running = new Set<number>()

  port.onmessage = ({ data }: MessageEvent<Message>) => {
    if ('load' in data) kernel = data.load instanceof WebAssembly.Module ? Promise.resolve(new Kernel(data.load)) : Kernel.of(data.load)
    else if (!('cancel' in data)) void hear(data)
    else if (running.has(data.cancel)) unwanted.add(data.cancel)
  }

  async function hear(message: { id: number } & (Call | { train: Asked })) {
    const { id } = message
    running.add(id)
    try {
      const answer = 'train' in message ? await train(await kernel, id, message.train) : called(await kernel, message)
      port.postMessage(answer === undefined ? { id, cancelled: true } : { id, answer }, buffersOf(answer))
    } catch (error) {
      port.postMessage({ id, error: error instanceof Error ? error.message : String(error) }, [])
    }
    running.delete(id)
    unwanted.delete(id)
  }

  async function train(kernel: Kernel, id: number, asked: Asked): Promise<Trained | undefined> {
    const { problem, recipe, seeds = [], scale, state, optimizer_step } = asked
    const weights = asked.weights ?? kernel.initial(problem, seeds, scale)
    const training = new Training(kernel, problem, recipe, weights, state, optimizer_step)
    try {
      while (!training.work(SLICE)) {
        port.postMessage({ id, progress: training.read() }, [])
        await breath()
        if (unwanted.has(id)) return undefined
      }
      return training.take()
    } finally {
      training.end()
    }
  }
}

// A method of the kernel by its name.
function called(kernel: Kernel, { call, given }: Call): unknown {
  return (kernel[call] as (...given: unknown[]) => unknown).apply(kernel, given)
}

// Arrays go over without being copied.
function buffersOf(answer: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(answer)) return [answer.buffer as ArrayBuffer]
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return []
  return Object.values(answer).flatMap(buffersOf)
}
