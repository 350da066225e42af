// One tab stop for many buttons: arrows go from one to the nearest in their direction, Home and End to the first and the last.

const WAYS: Record<string, [x: number, y: number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }

const ASIDE = 10_000 // pixels that what does not lie in line is farther away

// For what holds buttons with `data-rove`; onfocus: which of them has the focus (the one that has the tab stop, then), and whether an
// arrow brought it there.
export function roving(onfocus: (name: string, to: HTMLElement, moved: boolean) => void) {
  return (holder: Element) => {
    let moved = false
    const keys = (event: Event) => {
      moved = true
      rove(holder, event as KeyboardEvent)
      moved = false
    }
    const focus = (event: Event) => {
      const to = event.target as HTMLElement
      if (to.dataset.rove !== undefined) onfocus(to.dataset.rove, to, moved)
    }
    holder.addEventListener('keydown', keys)
    holder.addEventListener('focusin', focus)
    return () => {
      holder.removeEventListener('keydown', keys)
      holder.removeEventListener('focusin', focus)
    }
  }
}

function rove(holder: Element, event: KeyboardEvent) {
  const from = (event.target as Element).closest<HTMLElement>('[data-rove]')
  if (!from || event.ctrlKey || event.metaKey || event.altKey) return
  const all = [...holder.querySelectorAll<HTMLElement>('[data-rove]:not(:disabled)')]
  const to = event.key === 'Home' ? all[0] : event.key === 'End' ? all.at(-1) : WAYS[event.key] && nearest(all, from, WAYS[event.key])
  if (to === undefined) return
  event.preventDefault() // a page does not move under the hand at the end of a row, either
  if (to !== from) to?.focus()
}

// The next one ahead; before those that lie aside, those that lie in line, however wide they are.
function nearest(all: Element[], from: Element, [x, y]: [number, number]): HTMLElement | null {
  const box = from.getBoundingClientRect()
  const middle = ({ left, width, top, height }: DOMRect) => [left + width / 2, top + height / 2]
  const here = middle(box)
  let best: Element | null = null
  let least = Infinity
  for (const one of all) {
    const there = one.getBoundingClientRect()
    const [right, down] = middle(there).map((value, axis) => value - here[axis])
    const ahead = right * x + down * y
    const gap = x ? Math.max(there.top - box.bottom, box.top - there.bottom) : Math.max(there.left - box.right, box.left - there.right)
    const far = ahead + (gap > 0 ? ASIDE + 4 * gap : 0) + 0.01 * Math.abs(right * y + down * x)
    if (ahead <= 2 || far >= least) continue
    best = one
    least = far
  }
  return best as HTMLElement | null
}
