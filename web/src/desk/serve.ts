// What a worker does, or, where there can be none, the same thread through a channel: the most urgent piece of work first, a few
// milliseconds at a time. In between it hears what else is wanted, and what is not wanted any more.

import { breath } from './breath'
import { Kernel } from '../kernel/kernel'
import { LINK } from '../errors'
import { NO_MEMORY } from '../kernel/layout'
import type { Frame, Problem } from '../protocol'
import { ALL, type Answer, type Counted, type Kind, type Message, type Task, URGENCY } from './messages'

export type Result = Frame | Counted
// What comes of a piece of work; where it goes on in pieces, each with the share that is done, or with nothing.
export type Work = (kernel: Kernel, task: Task) => Result | Generator<number | void, Result>
export type Works = Partial<Record<Kind, Work>>

export interface Port<Out> {
  postMessage(message: Out, transfer: Transferable[]): void
  onmessage: ((event: MessageEvent) => void) | null
  onmessageerror?: ((event: MessageEvent) => void) | null
}

interface Job {
  id: number
  urgency: number
  begin: (kernel: Kernel) => ReturnType<Work>
  going?: Generator<number | void, Result>
  told: number // when its share was told
}

const SLICE_MS = 4
const TELL_MS = 16

export function serve(port: Port<Answer>, works: Works) {
  let kernel: Promise<Kernel> | undefined
  let jobs: Job[] = []
  let only = ALL
  let working = false

  const tell = (answer: Answer, buffers: Transferable[] = []) => port.postMessage(answer, buffers)
  port.onmessageerror = () => tell({ unread: true })
  port.onmessage = ({ data }: MessageEvent<Message>) => {
    if ('load' in data) kernel = loaded(data.load)
    else if ('only' in data) only = data.only
    else if ('cancel' in data) giveUp(data.cancel)
    else if ('end' in data) [...jobs].forEach(({ id }) => giveUp(id))
    else {
      const { id, ...task } = data
      jobs.push({ id, urgency: URGENCY[task.kind], begin: (kernel) => works[task.kind]!(kernel, task), told: 0 })
    }
    void work()
  }
  tell({ ready: true })

  function giveUp(id: number) {
    const job = jobs.find((job) => job.id === id)
    if (!job) return
    job.going?.return(undefined as never)
    end(job)
  }

  function end(job: Job) {
    jobs = jobs.filter((other) => other !== job)
    tell({ id: job.id, ended: true })
  }

  const next = () => jobs.reduce<Job | undefined>((first, job) => (job.urgency < (first?.urgency ?? only + 1) ? job : first), undefined)

  async function work() {
    if (working || !kernel) return
    working = true
    for (let job = next(); job; job = next()) {
      try {
        slice(job, await kernel)
      } catch (error) {
        tell({ id: job.id, frame: problemsOf(error) })
        end(job)
      }
      await breath()
    }
    working = false
  }

  function slice(job: Job, kernel: Kernel) {
    if (!jobs.includes(job)) return // given up while the kernel was loaded
    const until = performance.now() + SLICE_MS
    if (!job.going) {
      const begun = job.begin(kernel)
      if (!('next' in begun)) return done(job, begun)
      job.going = begun
    }
    do {
      const { done: ended, value } = job.going.next()
      if (ended) return done(job, value)
      const now = performance.now()
      if (typeof value === 'number' && now - job.told > TELL_MS) {
        job.told = now
        tell({ id: job.id, share: value })
      }
    } while (performance.now() < until)
  }

  function done(job: Job, result: Result) {
    tell('kind' in result ? { id: job.id, frame: result } : { id: job.id, counted: result }, buffersOf(result))
    end(job)
  }
}

async function loaded(load: WebAssembly.Module | BufferSource): Promise<Kernel> {
  return load instanceof WebAssembly.Module ? new Kernel(load) : Kernel.of(load)
}

// What was thrown, as its sentences.
function problemsOf(error: unknown): Frame {
  return { kind: 'problems', id: 0, values: { problems: said(error) }, arrays: {} }
}

function said(error: unknown): Problem[] {
  if (error instanceof Error && 'problems' in error) return error.problems as Problem[]
  const text = error instanceof Error ? error.message : String(error)
  if (text === NO_MEMORY || error instanceof RangeError)
    return [
      { ...sentence('This needs more memory than the page has: make it smaller, or take a shell.'), command: `headlab train '${LINK}'` },
    ]
  return [sentence(`The work failed (${text}): please report it with the address of this page.`)]
}

const sentence = (text: string): Problem => ({ text, field: null, line: null })

// Arrays that are whole buffers go over without being copied.
function buffersOf(result: Result): ArrayBuffer[] {
  if (!('kind' in result)) return []
  const buffers = Object.values(result.arrays as Record<string, { data: Float32Array }>).map(({ data }) => data.buffer as ArrayBuffer)
  return [...new Set(buffers)]
}
