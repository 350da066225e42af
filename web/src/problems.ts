// What is wrong, sorted to where it is: a line of the text, a setting that is shown, or neither.

import type { Problem } from './protocol'

export interface Problems {
  lines: Map<number, string>
  fields: Map<string, string>
  text: string[]
}

export const sentences = (problems: Problem[]) => problems.map((problem) => problem.text).join(' ')

export function problemsBeside(problems: Problem[], shown: string[]): Problems {
  const found: Problems = { lines: new Map(), fields: new Map(), text: [] }
  for (const { text, field, line } of problems) {
    if (line !== null) found.lines.set(line, text)
    else if (field !== null && shown.includes(field)) found.fields.set(field, [found.fields.get(field) ?? [], text].flat().join('; '))
    else found.text.push(text)
  }
  return found
}
