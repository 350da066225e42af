// What tests use of Node.
declare module 'node:fs' {
  export function mkdirSync(path: string, options: { recursive: boolean }): void
  export function readdirSync(path: string): string[]
  export function readFileSync(path: string): Uint8Array<ArrayBuffer>
  export function readFileSync(path: string, encoding: 'utf8'): string
  export function writeFileSync(path: string, data: Uint8Array | string): void
}
declare module 'node:crypto' {
  export function createHash(name: 'sha256'): { update(data: Uint8Array | string): { digest(encoding: 'hex'): string } }
}
declare module 'node:zlib' {
  export function gunzipSync(bytes: Uint8Array): { toString(): string }
}
