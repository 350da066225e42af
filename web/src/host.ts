// What a view is in: a report, or whatever shows a notebook. It takes the colours of its client, and leaves it the keys that are its own.

const THEME = 'data-theme'
const OF_A_VIEW = new Set(['z', 'y', 'a', 'c', 'v', 'x']) // with Ctrl or Cmd; others are the client's

// Keeps the view in the client's colours: dark, light, or the system's where it says nothing.
export function followTheme(view: HTMLElement): () => void {
  const follow = () => {
    const theme = themeOf(document)
    if (theme) view.setAttribute(THEME, theme)
    else view.removeAttribute(THEME)
  }
  follow()
  const watch = new MutationObserver(follow)
  for (const element of [document.documentElement, document.body]) watch.observe(element, { attributes: true })
  return () => watch.disconnect()
}

// What JupyterLab and Notebook, VS Code, marimo and others say of their colours.
export function themeOf({ documentElement, body }: Document): 'light' | 'dark' | null {
  const jupyter = body.dataset.jpThemeLight
  if (jupyter !== undefined) return jupyter === 'false' ? 'dark' : 'light'
  for (const { classList, dataset } of [body, documentElement]) {
    const kind = dataset.vscodeThemeKind ?? dataset.theme ?? dataset.colorScheme ?? ''
    if (/dark/.test(kind) || classList.contains('vscode-dark') || classList.contains('dark')) return 'dark'
    if (/light/.test(kind) || classList.contains('vscode-light') || classList.contains('light')) return 'light'
  }
  return null
}

// Plain keys are typed into the view and not commands of a notebook; but Ctrl-S saves it. JupyterLab asks this of an element before
// anybody inside of it hears the key, so that it is said just in time.
export function keepKeys(view: HTMLElement): () => void {
  const hear = (event: KeyboardEvent) => {
    if (!event.composedPath().includes(view)) return
    const own = !(event.ctrlKey || event.metaKey) || OF_A_VIEW.has(event.key.toLowerCase())
    if (own) view.dataset.lmSuppressShortcuts = 'true'
    else delete view.dataset.lmSuppressShortcuts
  }
  window.addEventListener('keydown', hear, { capture: true })
  return () => window.removeEventListener('keydown', hear, { capture: true })
}

// Acts once, as soon as the view is on the screen.
export function whenSeen(view: HTMLElement, act: () => void): () => void {
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some(({ isIntersecting }) => isIntersecting)) return
    watch.disconnect()
    act()
  })
  watch.observe(view)
  return () => watch.disconnect()
}
