// What is pressed is what is meant, though the page moves or is drawn anew under the hand before it lets go: a browser then clicks
// nothing, or what both places have in common.

const NEAR = 6 // pixels that a hand may move meanwhile; farther away it has changed its mind

export function keepPressed(within: HTMLElement): () => void {
  let down: PointerEvent | null = null
  let pressed: Element | null | undefined
  const press = (event: PointerEvent) => {
    down = event
    pressed = (event.target as Element).closest('button, summary, [role=button]')
  }
  const click = (event: MouseEvent) => {
    const meant = pressed
    pressed = null
    if (!meant?.isConnected || meant.contains(event.target as Element)) return
    if (Math.hypot(event.clientX - down!.clientX, event.clientY - down!.clientY) > NEAR) return
    event.stopPropagation()
    meant.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }))
  }
  within.addEventListener('pointerdown', press, true)
  within.addEventListener('click', click, true)
  return () => {
    within.removeEventListener('pointerdown', press, true)
    within.removeEventListener('click', click, true)
  }
}
