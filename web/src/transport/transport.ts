// How the page reaches whoever answers it: a lab's server, a notebook's process, or nobody, where the frames are there already.

import type { Asked, Frame } from '../protocol'

export interface Transport {
  ask(asked: Asked): void
  close(): void
}

export interface Listener {
  take(frame: Frame): void
  connected(yes: boolean, why?: string): void
}

export type Connect = (listener: Listener) => Transport
