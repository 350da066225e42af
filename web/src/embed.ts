// The lab's views of a recording: in a report (one file, from what it carries) and in a notebook (an anywidget, asked of its process).

import { mount, unmount } from 'svelte'
import Embedded from './Embedded.svelte'
import page from './page.css?inline'
import { bytes } from './frames'
import { Notebook, type Model } from './transport/notebook'
import { Recording } from './transport/recording'
import type { Connect } from './transport/transport'

function show(target: HTMLElement, connect: Connect) {
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
    let notebook: Notebook | undefined
    const view = show(el, (listener) => (notebook = new Notebook(listener, model)))
    return () => {
      notebook?.close()
      void unmount(view)
    }
  },
}

const recording = document.getElementById('headlab-recording')
const place = document.getElementById('headlab-views')
if (recording && place) {
  const frames = recording.textContent
    .trim()
    .split(/\s+/)
    .map((text) => bytes(text).buffer)
  show(place, (listener) => new Recording(listener, frames))
  document.documentElement.classList.add('live')
}
