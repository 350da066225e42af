// A file gzipped in base64: web/plugins.js.
declare module '*?packed' {
  const packed: string
  export default packed
}
// A script with all that it imports, gzipped in base64: web/plugins.js.
declare module '*?bundled' {
  const packed: string
  export default packed
}
// What a page says of itself of src/headlab/analysis/words.json: web/plugins.js.
declare module '*?told' {
  type Meanings<Name extends string = string> = Record<Name, string>
  const told: { mechanisms: Meanings; ablations: Meanings; coding: Meanings<'pattern' | 'value' | 'direct'>; measures: Meanings }
  export default told
}
