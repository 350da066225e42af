// How a notebook's view asks the process that trained the runs. Several views may share one model and hear all its messages:
// each has its own name, names the run that it shows, and takes its own answers alone.

import { frameOf } from '../frames'
import type { Asked, Frame, Picture, Why } from '../protocol'
import type { Listener, Transport } from './transport'

export type Hear = (content: { view?: string } | null, buffers: DataView[]) => void
export type Said = Pick<Asked, 'ask' | 'id' | 'run' | 'more'> & { view: string }

export interface Model {
  get(name: 'frames'): DataView[]
  send(said: Said): void
  on(event: string, act: Hear): void
  off(event: string, act: Hear): void
}

export class Notebook implements Transport {
  private readonly view = crypto.getRandomValues(new Uint32Array(4)).join('-')
  private run = 0 // the number of the run that is shown
  private id = 0 // of the message that asked for it

  constructor(
    private listener: Listener,
    private model: Model,
  ) {
    model.on('msg:custom', this.hear)
    queueMicrotask(() => model.get('frames').forEach((frame) => this.take(frame)))
  }

  ask({ ask, id, run, more }: Asked) {
    this.model.send({ view: this.view, ask, id, run: ask === 'show' ? run : this.run, more })
  }

  close() {
    this.model.off('msg:custom', this.hear)
  }

  private readonly hear: Hear = (content, buffers) => {
    if (content?.view === this.view) buffers.forEach((frame) => this.take(frame))
  }

  private take(data: DataView) {
    const frame = frameOf(whole(data))
    if (isShown(frame)) {
      if (frame.id < this.id) return // another run was asked for since
      this.id = frame.id
      this.run = frame.values.run!
    }
    this.listener.take(frame)
  }
}

const isShown = (frame: Frame): frame is Picture | Why => frame.kind === 'picture' || frame.kind === 'why'

// An aligned copy: the numbers of a frame begin at a multiple of four bytes.
const whole = (view: DataView) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer
