// A lab's server: one socket on which everything goes, opened again where it was closed.

import { frameOf } from '../frames'
import type { Asked } from '../protocol'
import type { Listener, Transport } from './transport'

const MOST_SECONDS = 8

export class Server implements Transport {
  private socket: WebSocket | null = null
  private wait = 0.5
  private closed = false

  constructor(private listener: Listener) {
    void this.open()
  }

  ask(asked: Asked) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(asked))
  }

  close() {
    this.closed = true
    this.socket?.close()
  }

  private async open() {
    const token = new URLSearchParams(location.hash.slice(1)).get('token')
    if (token) {
      // The token is handed in once, and goes from the address bar into a cookie that no script can read.
      const answer = await fetch('session', { method: 'POST', headers: { 'X-Headlab-Token': token } }).catch(() => null)
      const rest = new URLSearchParams(location.hash.slice(1))
      rest.delete('token')
      history.replaceState(null, '', rest.size ? `#${rest}` : location.pathname)
      if (answer && !answer.ok)
        return this.listener.connected(false, 'Open the address that `headlab lab` printed: this one is no longer valid.')
    }
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/live`)
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    let opened = false
    socket.onopen = () => {
      opened = true
      this.wait = 0.5
      this.listener.connected(true)
    }
    socket.onmessage = (event: MessageEvent<ArrayBuffer>) => this.listener.take(frameOf(event.data))
    socket.onclose = (event) => {
      if (this.closed) return
      const why = opened
        ? 'The lab has stopped answering. It is tried again.'
        : 'The lab does not answer. Start it with `headlab lab`, and open the address that it prints.'
      this.listener.connected(false, event.reason || why)
      setTimeout(() => void this.open(), 1000 * this.wait * (0.75 + Math.random() / 2))
      this.wait = Math.min(MOST_SECONDS, 2 * this.wait)
    }
  }
}
