// Bytes as text inside a script: gzipped as small as can be, in base64 (src/kernel/packed.ts unpacks them).

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { env, execPath, pid } from 'node:process'
import { gzipSync } from 'node:zlib'

const KEPT = `${import.meta.dirname}/node_modules/.cache/headlab` // it takes seconds: what was squeezed before stays
const MOST_BYTES = 1 << 24

// In a process of its own, as it listens to what becomes of the process that it is in.
const SQUEEZE = `
  const { readFileSync, writeSync } = require('node:fs')
  const { gzip } = require('@gfx/zopfli')
  const write = (bytes) => { for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at) }
  gzip(readFileSync(0), { numiterations: 5 }, (error, bytes) => { if (error) throw error; write(bytes) })`

export function squeezed(bytes) {
  if (env.VITEST) return gzipSync(bytes).toString('base64') // tests need it soon, not small
  const path = `${KEPT}/${createHash('sha256').update(bytes).digest('hex')}.gz`
  if (!existsSync(path)) {
    mkdirSync(KEPT, { recursive: true })
    const options = { input: bytes, maxBuffer: MOST_BYTES, cwd: import.meta.dirname }
    writeFileSync(`${path}.${pid}`, execFileSync(execPath, ['-e', SQUEEZE], options))
    renameSync(`${path}.${pid}`, path)
  }
  return readFileSync(path, 'base64')
}
