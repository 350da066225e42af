import { readdirSync } from 'node:fs'
import { relative } from 'node:path'

const SOURCES = `${import.meta.dirname}/src`
const components = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.svelte'))
  .sort()

// fragments: "tree" makes elements one by one instead of parsing HTML, so that the page needs no trusted HTML at all.
// cssHash: a component's own class is short, as it stands on every element that has a style.
export default {
  compilerOptions: {
    runes: true,
    fragments: 'tree',
    cssHash: ({ filename }) => `s${components.indexOf(relative(SOURCES, filename)).toString(36)}`,
  },
}
