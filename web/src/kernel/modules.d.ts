// A file gzipped in base64: web/plugins.ts.
declare module '*?packed' {
  const packed: string
  export default packed
}
