// What a notebook keeps of a view runs this, in whatever shows the notebook: it finds the page's code, which one cell carries for all,
// and shows the run. The tables that are there meanwhile stay where there is no code. (src/headlab/report/notebook/html.py writes both.)

import { bytes } from './frames'

interface Views {
  show(place: HTMLElement, carried: string): void
}

const WAIT = 2000 // milliseconds, until it is said that there is no code
const MISSING =
  'This view needs the code that another cell of the notebook carries, and no such cell is shown: ' +
  'show it, or run this cell again with view(alone=True).'

const started: Record<string, Promise<Views> | undefined> = ((globalThis as Record<string, unknown>).headlabViews ??= {}) as never

export function start(id: string, code: string) {
  const view = document.getElementById(id)
  if (!view) return
  const [place, still, data] = view.children as unknown as [HTMLElement, HTMLElement, HTMLElement]
  void codeOf(code, place)
    .then(async (views) => {
      views.show(place, await (await unpacked(data.textContent)).text())
      still.hidden = true
    })
    .catch((error: unknown) => (place.textContent = `The view could not be started: ${String(error)}`))
}

async function codeOf(code: string, place: HTMLElement): Promise<Views> {
  const packed = await found(`script[data-headlab-code="${code}"]`, () => (place.textContent = MISSING))
  place.textContent = ''
  return (started[code] ??= unpacked(packed.textContent).then(imported))
}

// The element, as soon as it is in the document; a notebook may make its cells when they are scrolled to.
function found(selector: string, missing: () => void): Promise<Element> {
  return new Promise((take) => {
    const look = () => document.querySelector(selector)
    const there = look()
    if (there) return take(there)
    const waited = setTimeout(missing, WAIT)
    const watch = new MutationObserver(() => {
      const there = look()
      if (!there) return
      clearTimeout(waited)
      watch.disconnect()
      take(there)
    })
    watch.observe(document.body, { childList: true, subtree: true })
  })
}

function unpacked(text: string): Promise<Blob> {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Response(stream).blob()
}

async function imported(code: Blob): Promise<Views> {
  const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  try {
    return (await import(/* @vite-ignore */ address)) as Views
  } finally {
    URL.revokeObjectURL(address)
  }
}
