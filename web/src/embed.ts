// The lab's views of a recording: in a report (one file, from what it carries) and in a notebook (an anywidget, from its kernel).

import { mount, unmount } from 'svelte'
import Embedded from './Embedded.svelte'
import page from './page.css?inline'
import { bytes, decode } from './frames'
import { Kernel, type Model } from './kernel'
import type { Listener, Transport } from './transport'

// Frames that are there already; nothing can be asked.
class Recording implements Transport {
  constructor(listener: Listener, frames: ArrayBuffer[]) {
    queueMicrotask(() => frames.forEach((frame) => listener.frame(decode(frame))))
  }
  ask() {}
  close() {}
}

function show(target: HTMLElement, connect: (listener: Listener) => Transport) {
  const root = target.shadowRoot ?? target.attachShadow({ mode: 'open' }) // the page around it keeps its own style
  const style = document.createElement('style')
  style.textContent = page
  const inside = document.createElement('div')
  inside.className = 'embedded'
  root.replaceChildren(style, inside)
  return mount(Embedded, { target: inside, props: { connect } })
}

export default {
  render({ model, el }: { model: Model; el: HTMLElement }) {
    el.dataset.lmSuppressShortcuts = 'true' // keys belong to the view, not to the notebook
    let kernel: Kernel | undefined
    const view = show(el, (listener) => (kernel = new Kernel(listener, model)))
    return () => {
      kernel?.close()
      void unmount(view)
    }
  },
}

const recording = document.getElementById('headlab-recording')
const place = document.getElementById('headlab-views')
if (recording && place) {
  const frames = recording
    .textContent!.trim()
    .split(/\s+/)
    .map((text) => bytes(text).buffer)
  show(place, (listener) => new Recording(listener, frames))
  document.documentElement.classList.add('live')
}
