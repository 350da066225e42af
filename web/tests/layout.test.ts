import { expect, it } from 'vitest'

const sources = import.meta.glob<string>('../src/**/*.{ts,svelte,css}', { query: '?raw', import: 'default', eager: true })

it('no line of the page is wider than 140 characters', () => {
  const wide = Object.entries(sources).flatMap(([path, text]) =>
    text.split('\n').flatMap((line, at) => ([...line].length > 140 ? [`${path}:${at + 1}`] : [])),
  )
  expect(Object.keys(sources).length).toBeGreaterThan(30)
  expect(wide).toEqual([])
})

// From below; what only the types of another room are needed for is no matter.
const ROOMS = 'notation data kernel config model analysis statistics keep work desk state views panels'.split(' ')

it('a room imports from rooms below its own', () => {
  const wrong = Object.entries(sources).flatMap(([path, text]) => {
    const folder = path.split('/').slice(2, -1)
    const imported = [...text.matchAll(/^\s*(?:import|export) (?!type )[^'"]*from '(\.[^'?]+)/gm)].map(([, from]) => roomOf(folder, from))
    const own = ROOMS.indexOf(folder[0])
    return own < 0 ? [] : imported.filter((room) => ROOMS.indexOf(room) > own).map((room) => `${path}: ${room}`)
  })
  expect(wrong).toEqual([])
})

// Of what is imported into a folder.
function roomOf(folder: string[], from: string): string {
  const at = [...folder]
  for (const step of from.split('/')) {
    if (step === '..') at.pop()
    else if (step !== '.') at.push(step)
  }
  return at[0]
}
