// The lab's page with a run inside: in a report, which is one file, and in a notebook, in the HTML that it keeps or as an anywidget.
// Nobody is asked for anything: what is carried is drawn, and the page's own kernel does the rest.

import { mount, unmount } from 'svelte'
import { CARRIED, carriedIn } from './carried'
import { inView } from './desk/place'
import Embedded from './Embedded.svelte'
import { followTheme, keepKeys, whenSeen } from './host'
import { Lab } from './lab.svelte'
import page from './page.css?inline'
import { keepPressed } from './pressed'

export function show(place: HTMLElement, carried: string): () => void {
  const root = place.shadowRoot ?? place.attachShadow({ mode: 'open' }) // what is around it keeps its own style
  const style = document.createElement('style')
  style.textContent = page
  const inside = document.createElement('div')
  inside.className = 'embedded'
  root.replaceChildren(style, inside)
  const ends = [followTheme(place), keepKeys(place), keepPressed(inside)]
  const run = carriedIn(carried)
  const lab = new Lab({ connect: inView(run.frames.some(({ kind }) => kind === 'seeds')), carried: run })
  const view = mount(Embedded, { target: inside, props: { lab } })
  ends.push(
    whenSeen(place, () => lab.wake()),
    () => void unmount(view),
    () => lab.requests.door.close(), // nobody works for it any more
  )
  return () => ends.forEach((end) => end())
}

interface Model {
  get(name: 'carried'): string
}

export default {
  render: ({ model, el }: { model: Model; el: HTMLElement }) => show(el, model.get('carried')),
}

const [carried, place] = [document.getElementById(CARRIED), document.getElementById('headlab-views')]
if (carried && place) {
  show(place, carried.textContent)
  document.documentElement.classList.add('live')
}
