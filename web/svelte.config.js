// fragments: "tree" makes elements one by one instead of parsing HTML, so that the page needs no trusted HTML at all.
export default { compilerOptions: { runes: true, fragments: 'tree' } }
