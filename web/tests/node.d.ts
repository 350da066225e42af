// What tests use of Node.
declare module 'node:fs' {
  export function readdirSync(path: string): string[]
  export function readFileSync(path: string): Uint8Array<ArrayBuffer>
  export function writeFileSync(path: string, data: Uint8Array): void
}
declare module 'node:zlib' {
  export function gunzipSync(bytes: Uint8Array): { toString(): string }
}
