// The whole experiment and how one looks at it as the fragment of an address, and back: only what differs from the standard.
// src/headlab/runs/link.py reads and writes the same. Beside a seed stands which runs seeds are of (`numerics`). Steps without a schedule
// are steps at a constant rate, as everywhere: beside steps, the notebook's schedule is named.

import { NOTEBOOK, OF_TEXT, seedValue } from '../config/experiment'
import { constants } from '../kernel/layout'
import type { Fields, Value } from '../protocol'
import { LOOK, type Look } from './look.svelte'

const WAIT_MS = 250
const NUMERICS = String(constants.HL_NUMERICS)

export function write(fields: Fields, notebook: Fields, look: Look): string {
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== notebook[name]) parts.set(name, value === null ? '' : String(value))
  if (parts.has('steps') && fields.schedule === notebook.schedule) parts.set('schedule', String(fields.schedule))
  if (OF_TEXT.some((name) => parts.has(name))) parts.delete('task')
  if (parts.has('seed')) parts.set('numerics', NUMERICS)
  for (const [name, value] of Object.entries(look)) if (value !== LOOK[name as keyof Look]) parts.set(name, String(value))
  return parts.toString()
}

export function read(hash: string, notebook: Fields): { fields: Fields; look: Look } {
  const parts = new URLSearchParams(hash.replace(/^#/, ''))
  const fields = { ...notebook }
  const look: Record<string, Value> = { ...LOOK }
  for (const [name, text] of parts) {
    if (Object.hasOwn(notebook, name)) fields[name] = valueOf(name, text, notebook)
    else if (Object.hasOwn(LOOK, name)) look[name] = place(text, LOOK[name as keyof Look])
  }
  if (parts.has('steps') && !parts.has('schedule') && 'schedule' in notebook) fields.schedule = 'constant'
  if (OF_TEXT.some((name) => parts.has(name))) fields.task = ''
  return { fields, look: look as unknown as Look }
}

// A setting's text as its value.
export const valueOf = (name: string, text: string, notebook: Fields): Value =>
  (name === 'seed' && exactly(text)) || like(text, notebook[name])

// What is looked at is counted: a text, or a whole number.
function place(text: string, standard: Look[keyof Look]): Value {
  const value = like(text, standard)
  return typeof standard === 'string' || Number.isInteger(value) ? value : standard
}

// A text as a value of the same kind as its default; what has no default is a number, or nothing.
function like(text: string, standard: Value): Value {
  if (typeof standard === 'string') return text
  if (typeof standard === 'boolean') return text === 'true'
  if (text === '') return null
  const number = Number(text) + 0 // without -0
  return Number.isFinite(number) ? number : standard
}

// A seed in its digits, which a number may not hold.
function exactly(text: string): Value {
  return /^\d{1,20}$/.test(text) ? seedValue(BigInt(text)) : null
}

// The sentence that says that another run may have been behind a link's seed; nothing where it is this one.
export function otherRuns(hash: string): string {
  const parts = new URLSearchParams(hash.replace(/^#/, ''))
  const numerics = parts.get('numerics')
  if (!parts.has('seed') || numerics === NUMERICS) return ''
  const seed = String(read(hash, NOTEBOOK).fields.seed ?? '')
  return numerics === null
    ? `this link does not say numerics=${NUMERICS}: where it is older than that, another run was behind its seed ${seed}`
    : `this link is of another numerics than ${NUMERICS}: there, another run is behind its seed ${seed}`
}

// The address of the window, written when the hand rests.
export class Address {
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(onchange: () => void) {
    addEventListener('hashchange', onchange)
  }

  write(fragment: () => string) {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => history.replaceState(null, '', `#${fragment()}`), WAIT_MS)
  }
}
