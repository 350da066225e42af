import { expect, it } from 'vitest'

const sources = import.meta.glob<string>('../src/**/*.{ts,svelte,css}', { query: '?raw', import: 'default', eager: true })

it('no line of the page is wider than 140 characters', () => {
  const wide = Object.entries(sources).flatMap(([path, text]) =>
    text.split('\n').flatMap((line, at) => ([...line].length > 140 ? [`${path}:${at + 1}`] : [])),
  )
  expect(Object.keys(sources).length).toBeGreaterThan(30)
  expect(wide).toEqual([])
})
