// The module and the workers' script as they are inside a page: gzipped, in base64 (web/squeezed.js packs them).

import { bytes } from '../frames'

export async function unpack(packed: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new DecompressionStream('gzip')
  const writer = stream.writable.getWriter() // a Blob's stream cannot be read in a worker of WebKit's
  const written = writer.write(bytes(packed)).then(() => writer.close())
  const found = await new Response(stream.readable).arrayBuffer()
  await written
  return new Uint8Array(found)
}
