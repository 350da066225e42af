// The lab of a homework: it begins with what the student's variant begins with, keeps to its rules, and its address holds the answers.

import { inPageWith } from '../desk/place'
import { Lab } from '../lab.svelte'
import type { Frame, Hello, Row, Seeds } from '../protocol'
import { type Assignment, type Variant, within } from './assignment'
import { RulesOf } from './rules'

const WIDE = 20 // a range that is so many times as high as low has a logarithmic slider

export class HomeworkLab extends Lab {
  rules: RulesOf

  // beside: what an address says beside the experiment
  constructor(
    private readonly assignment: Assignment,
    private variant: Variant,
    private readonly beside: () => string,
  ) {
    const rules = new RulesOf(assignment, variant)
    super({ connect: inPageWith(!rules.hidden('seeds'), !rules.hidden('seeds') && !rules.hidden('sizes')), address: true })
    this.rules = rules
    this.experiment.rules = this.looking.rules = rules
  }

  // Somebody else's: what may stay as it is stays.
  become(variant: Variant) {
    this.variant = variant
    this.rules = new RulesOf(this.assignment, variant)
    this.experiment.rules = this.looking.rules = this.rules
    this.experiment.notebook = variant.start
    if (!this.ready) return
    const { fields } = this.experiment
    const own = this.rules.seeds === null || within(fields.seed, this.rules.seeds)
    this.experiment.become({ ...fields, ...(!own && { seed: variant.start.seed }) })
    this.experiment.past = this.experiment.future = []
  }

  override take(frame: Frame) {
    if (frame.kind === 'hello') {
      super.take(this.begun(frame))
      return this.keep() // an address may have asked for more
    }
    const seeds = frame.kind === 'seeds' && this.rules.seeds
    super.take(seeds ? amongThem(frame, seeds) : frame)
  }

  override get link(): string {
    return [super.link, this.beside()].filter(Boolean).join('&')
  }

  // What stands beside the experiment in its address is another.
  keep() {
    this.see({})
  }

  private begun({ values, ...hello }: Hello): Hello {
    const { ranges } = this.assignment
    const fields = values.fields.map((row): Row => {
      if (!(row.name in ranges)) return row
      const [low, high] = ranges[row.name]
      return { ...row, slider: { low, high, log: low > 0 && high > WIDE * low } }
    })
    return { ...hello, values: { ...values, fields, notebook: this.variant.start } }
  }
}

// Of many seeds those that may be opened.
function amongThem(frame: Seeds, seeds: readonly [number, number]): Seeds {
  const { values, arrays } = frame
  const kept = values.seed.flatMap((seed, at) => (within(seed, seeds) ? [at] : []))
  if (kept.length === values.seed.length) return frame
  const [loss, pattern] = [arrays.loss, arrays.pattern]
  const size = pattern.data.length / Math.max(1, values.seed.length)
  const some = new Float32Array(kept.length * size)
  kept.forEach((at, nth) => some.set(pattern.data.subarray(at * size, (at + 1) * size), nth * size))
  const of = <Item>(items: Item[]) => kept.map((at) => items[at])
  return {
    ...frame,
    values: {
      ...values,
      ...{ of: kept.length, wanted: kept.length, seed: of(values.seed), solved: of(values.solved) },
      ...{ grade: of(values.grade), mechanism: of(values.mechanism) },
    },
    arrays: {
      loss: { shape: [kept.length], data: Float32Array.from(kept, (at) => loss.data[at]) },
      pattern: { shape: [kept.length, ...pattern.shape.slice(1)], data: some },
    },
  }
}
