// What the build of a page that is one file needs beside Vite.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

// A file as text inside a script: `import packed from 'kernel.wasm?packed'` is its bytes, gzipped, in base64 (src/kernel/packed.ts).
export function packed() {
  return {
    name: 'packed',
    enforce: 'pre',
    load(id) {
      if (!id.endsWith('?packed')) return null
      const path = id.slice(0, -'?packed'.length)
      this.addWatchFile(path)
      return `export default ${JSON.stringify(gzipSync(readFileSync(path), { level: 9 }).toString('base64'))}`
    },
  }
}

// Everything in the HTML: it asks for nothing, and a policy says that it may not. Its own script may run, and make workers of Blobs.
export function alone() {
  return {
    name: 'alone',
    enforce: 'post',
    generateBundle(_, bundle) {
      const [html] = Object.values(bundle).filter(({ fileName }) => fileName.endsWith('.html'))
      for (const { type, fileName, code } of Object.values(bundle)) {
        if (type !== 'chunk') continue
        const script = code.trim().replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')
        const hash = createHash('sha256').update(script).digest('base64')
        const policy = `default-src 'none'; script-src 'sha256-${hash}' 'wasm-unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'`
        html.source = html.source
          .replace(/ *<script [^>]*src=[^>]*><\/script>\n?/, '')
          .replace('<head>', () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`)
          .replace('</body>', () => `  <script type="module">${script}</script>\n  </body>`)
        delete bundle[fileName]
      }
    },
  }
}
