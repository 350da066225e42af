// A student who does a homework as the page lets one do it, without a browser: the same functions, and the kernel in Node.

import { Subject } from '../../src/analysis/subject'
import { experimentOf } from '../../src/config/experiment'
import { inForce, stepsOf } from '../../src/config/training'
import { FINISHED } from '../../src/kernel/training'
import type { Fields, Quantities, Value } from '../../src/protocol'
import { fileOf, type Given, hasRun, runOf, sourceOf, type Work } from '../../src/homework/answers'
import { addressOf, type Assignment, fieldsOf, type Question, type Variant, variantOf } from '../../src/homework/assignment'
import { collectedOf, measureCollected } from '../../src/homework/collected'
import { factsOf } from '../../src/homework/measured'
import { type Facts, lacking, reaches } from '../../src/homework/missing'
import { RulesOf } from '../../src/homework/rules'
import { type Measured, QUANTITIES } from '../../src/homework/table'
import { ended } from '../../src/work/pieces'
import { train } from '../../src/work/train'
import { kernel } from '../kernel/module'

const MOST_TRIED = 100 // seeds, until one has the grade that is wanted

const quantitiesOf = ({ questions }: Assignment): Quantities =>
  Object.fromEntries(
    questions.flatMap(({ id, quantity }) => (quantity && QUANTITIES[quantity.name].of === 'run' ? [[id, quantity] as const] : [])),
  )

export function factsOfRun(fields: Fields, quantities: Quantities): Facts {
  const experiment = experimentOf(fields)
  const trained = ended(train(kernel, experiment, [experiment.seed]))
  const { corpus, model, training, goal } = experiment
  const finished = trained.outcome[0] === FINISHED
  const subject = new Subject(kernel, corpus, model, trained.weights, { loss: inForce(training, stepsOf(training)).loss, goal, finished })
  return factsOf({ kernel, experiment, subject, finished, finalLoss: trained.final_loss[0] }, trained.weights, quantities)
}

export class Student {
  readonly variant: Variant
  readonly rules: RulesOf
  readonly facts = new Map<string, Facts>()
  readonly work: Work

  constructor(
    readonly assignment: Assignment,
    id: string,
  ) {
    this.variant = variantOf(assignment, id)
    this.rules = new RulesOf(assignment, this.variant)
    this.work = { id, answers: {} }
  }

  // Every question answered as its runs have it.
  does(): this {
    for (const question of this.assignment.questions) this.work.answers[question.id] = this.answer(question)
    return this
  }

  get file(): string {
    return fileOf(this.assignment, this.variant, this.work, (address) => this.facts.get(address)?.hash)
  }

  get lacking() {
    const { assignment, variant, work, facts } = this
    return lacking({ assignment, variant, work, facts })
  }

  private answer(question: Question): Given {
    const given: Given = hasRun(question) ? { run: this.runWith(question) } : {}
    this.work.answers[question.id] = given
    switch (question.kind) {
      case 'runs':
        return {
          runs: question.runs!.values.flatMap((value) =>
            this.seeds(question.runs!.each).map((seed) => this.run({ [question.runs!.setting]: value, seed })),
          ),
        }
      case 'picture':
        return { ...given, view: 'query=3' }
      case 'sentence':
        return {
          text: `${this.work.id} says: ${'what is read there differs, and so does what comes next. '.repeat(9)}`.slice(0, question.most),
        }
      case 'find':
        return given
      default: {
        const { values, shown } = this.measured(question)
        return { ...given, value: question.kind === 'number' ? shown : values[0] }
      }
    }
  }

  private measured(question: Question): Measured {
    const quantity = question.quantity!
    if (QUANTITIES[quantity.name].of === 'run') {
      const run = this.work.answers[runOf(this.assignment, question)!.id].run!
      return this.facts.get(run)!.measured[question.id]
    }
    const source = sourceOf(this.assignment, question)!
    const runs = collectedOf(source.runs!, this.work.answers[source.id].runs!, this.variant.start, this.facts)
    return measureCollected(quantity, source.runs!, runs)
  }

  private seeds(count: number): Value[] {
    const [first] = this.rules.seeds ?? [Number(this.variant.start.seed)]
    return Array.from({ length: count }, (_, nth) => first + nth)
  }

  private run(change: Fields): string {
    const fields = this.rules.held({ ...this.variant.start, ...change })
    const address = addressOf(fields, this.variant.start)
    if (!this.facts.has(address)) this.facts.set(address, factsOfRun(fieldsOf(address, this.variant.start), quantitiesOf(this.assignment)))
    return address
  }

  private runWith({ needs, find }: Question): string {
    const goal = find?.goal ?? needs
    const tried = this.seeds(goal ? MOST_TRIED : 1)
    for (const seed of tried) {
      const address = this.run({ seed })
      if (!goal || reaches(this.facts.get(address)!.grade, goal)) return address
      this.facts.delete(address)
    }
    throw new Error(`none of ${tried.length} seeds is ${goal}`)
  }
}
