// What the build of a page that is one file needs beside Vite.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { build } from 'vite'
import { squeezed } from './squeezed.js'

// A file as text inside a script: `import packed from 'kernel.wasm?packed'` is its bytes, gzipped, in base64 (src/kernel/packed.ts).
export function packed() {
  return {
    name: 'packed',
    enforce: 'pre',
    load(id) {
      if (!id.endsWith('?packed')) return null
      const path = id.slice(0, -'?packed'.length)
      this.addWatchFile(path)
      return `export default ${JSON.stringify(squeezed(readFileSync(path)))}`
    },
  }
}

// Of the table of what explanations say, what a page says of itself: what each name means, and what each clause measures.
export function told() {
  return {
    name: 'told',
    enforce: 'pre',
    load(id) {
      if (!id.endsWith('?told')) return null
      const { mechanisms, ablations, coding, clauses } = JSON.parse(readFileSync(id.slice(0, -'?told'.length), 'utf8'))
      const measures = Object.fromEntries(Object.entries(clauses).map(([kind, { measure }]) => [kind, measure]))
      return `export default ${JSON.stringify({ mechanisms, ablations, coding, measures })}`
    },
  }
}

// A script with all that it imports, packed in the same way: `import packed from './worker?bundled'`; instead: another script in its place.
export function bundled(instead) {
  return {
    name: 'bundled',
    enforce: 'pre',
    async load(id) {
      if (!id.endsWith('?bundled')) return null
      const script = await scriptOf(instead ? `${import.meta.dirname}/${instead}` : id.slice(0, -'?bundled'.length), 'iife', [
        settingsGiven(),
        said(),
      ])
      return `export default ${JSON.stringify(squeezed(script))}`
    },
  }
}

// The table of settings stands in the page once: who makes a worker hands it over (src/desk/place.ts).
function settingsGiven() {
  const given = '\0settings'
  return {
    name: 'settings-given',
    enforce: 'pre',
    resolveId: (id) => (id.endsWith('/settings.json') ? given : null),
    load: (id) => (id === given ? 'export default globalThis.headlabSettings' : null),
  }
}

// Of the table of what explanations say, what they are made of: what is measured is told by the page itself (`told`).
function said() {
  const kept = (key, value) => (key === 'about' || key === 'measure' ? undefined : value)
  return {
    name: 'said',
    enforce: 'pre',
    load: (id) => (id.endsWith('/analysis/words.json') ? JSON.stringify(JSON.parse(readFileSync(id, 'utf8'), kept)) : null),
  }
}

// A script and everything that it imports, as one text.
async function scriptOf(input, format, plugins = []) {
  const { output } = await build({
    configFile: false,
    logLevel: 'warn',
    plugins: [packed(), ...plugins],
    build: {
      write: false,
      modulePreload: false,
      minify: true,
      target: 'baseline-widely-available',
      rollupOptions: { input, preserveEntrySignatures: 'strict', output: { format, codeSplitting: false } },
    },
  })
  return output[0].code.trim()
}

// What the page of src/recorded.ts makes of the notebook's run: data that is drawn at once, and tables that need no script.
export function recorded() {
  return {
    name: 'recorded',
    enforce: 'post',
    async generateBundle(_, bundle) {
      const code = await scriptOf(`${import.meta.dirname}/src/recorded.ts`, 'es')
      const { data, tables } = await (await import(`data:text/javascript,${encodeURIComponent(code)}`)).recorded()
      const html = htmlIn(bundle)
      html.source = html.source
        .replace('<!-- recorded -->', () => tables)
        .replace('</body>', () => `  <script type="application/json" id="headlab-carried">${data}</script>\n  </body>`)
    },
  }
}

const htmlIn = (bundle) => Object.values(bundle).find(({ fileName }) => fileName.endsWith('.html'))

// Everything in the HTML: it asks for nothing, and a policy says that it may not. Its own script may run, and make workers of Blobs.
export function alone() {
  return {
    name: 'alone',
    enforce: 'post',
    generateBundle(_, bundle) {
      const html = htmlIn(bundle)
      const put = (before, text) => (html.source = html.source.replace(before, () => `  ${text}\n  ${before}`))
      for (const { type, fileName, code, source } of Object.values(bundle)) {
        if (type === 'asset' && fileName.endsWith('.css')) {
          html.source = html.source.replace(/ *<link rel="stylesheet"[^>]*>\n?/, '')
          put('</head>', `<style>${String(source).trim()}</style>`)
        } else if (type === 'chunk') {
          const script = code.trim().replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')
          const hash = createHash('sha256').update(script).digest('base64')
          html.source = html.source
            .replace(/ *<script [^>]*src=[^>]*><\/script>\n?/, '')
            .replace('<head>', () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy(hash)}" />`)
          put('</body>', `<script type="module">${script}</script>`)
        } else continue
        delete bundle[fileName]
      }
    },
  }
}

const policy = (hash) =>
  [
    `default-src 'none'`,
    `script-src 'sha256-${hash}' 'wasm-unsafe-eval' blob:`,
    `worker-src blob:`,
    `style-src 'unsafe-inline'`,
    `img-src data: blob:`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ')
