// A kernel somewhere else: what is asked of it, as promises.

import type { Kernel } from './kernel'
import type { Answer, Asked, Call, Message, Port } from './serve'
import type { Progress, Trained } from './training'

interface Waiting {
  take(answer: unknown): void
  fail(error: unknown): void
  progress?(progress: Progress): void
  signal?: AbortSignal
}

export class Remote {
  private readonly waiting = new Map<number, Waiting>()
  private last = 0

  // port: a worker, or an end of a channel whose other end is served; load: the module, compiled, or its bytes
  constructor(
    private readonly port: Port<Message>,
    load: WebAssembly.Module | BufferSource,
  ) {
    port.onmessage = ({ data }: MessageEvent<Answer>) => this.hear(data)
    port.postMessage({ load }, [])
  }

  call<N extends Call['call']>(name: N, ...given: Parameters<Kernel[N]>): Promise<ReturnType<Kernel[N]>> {
    return this.send({ call: name, given } as unknown as Call)
  }

  // Rejects with the signal's reason where it is aborted before the training has ended.
  train(asked: Asked, progress?: (progress: Progress) => void, signal?: AbortSignal): Promise<Trained> {
    return this.send({ train: asked }, progress, signal)
  }

  private send<T>(asked: Call | { train: Asked }, progress?: (progress: Progress) => void, signal?: AbortSignal): Promise<T> {
    const id = ++this.last
    return new Promise<T>((take, fail) => {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', () => this.waiting.has(id) && this.port.postMessage({ cancel: id }, []))
      this.waiting.set(id, { take: (answer) => take(answer as T), fail, progress, signal })
      this.port.postMessage({ id, ...asked }, [])
    })
  }

  private hear(answer: Answer) {
    const waiting = this.waiting.get(answer.id)
    if (!waiting) return
    if ('progress' in answer) return waiting.progress?.(answer.progress)
    this.waiting.delete(answer.id)
    if ('answer' in answer) waiting.take(answer.answer)
    else waiting.fail('error' in answer ? new Error(answer.error) : waiting.signal?.reason)
  }
}
