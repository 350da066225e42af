// What is wrong, sorted to where it is: a line of the text, a setting that is shown, or neither.

export interface Problems {
  lines: Map<number, string>
  fields: Map<string, string>
  text: string[]
}

export function problemsBeside(problems: string[], shown: string[]): Problems {
  const found: Problems = { lines: new Map(), fields: new Map(), text: [] }
  for (const problem of problems) {
    const line = /\bin line (\d+)/.exec(problem)
    const name = problem.split(' ', 1)[0]
    if (line) found.lines.set(Number(line[1]), problem)
    else if (shown.includes(name)) found.fields.set(name, [found.fields.get(name) ?? [], problem].flat().join('; '))
    else found.text.push(problem)
  }
  return found
}
