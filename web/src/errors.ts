// What is wrong with what was asked, all of it together: a sentence each, with the setting or the line that it is about.

import type { Problem } from './protocol'

export const LINK = '{link}' // in a command: the link of the settings, which only the page knows

export const problem = (text: string, field: string | null = null, line: number | null = null): Problem => ({ text, field, line })

export class Problems extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: Problem | readonly Problem[]) {
    const several: readonly Problem[] = 'text' in problems ? [problems] : problems
    super(several.map(({ text }) => text).join('\n'))
    this.problems = several
  }
}

// What is built, or nothing with what is wrong with it put to the other problems, each once.
export function gathered<Built>(problems: Problem[], build: () => Built): Built | undefined {
  try {
    return build()
  } catch (error) {
    if (!(error instanceof Problems)) throw error
    const same = (one: Problem) => (other: Problem) => one.text === other.text && one.field === other.field && one.line === other.line
    for (const one of error.problems) if (!problems.some(same(one))) problems.push(one)
    return undefined
  }
}
