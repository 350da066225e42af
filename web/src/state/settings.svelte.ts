// Which settings have a control now, and what is wrong with what is set.

import { controls, counts, type Field } from '../fields'
import { problemsBeside, type Problems } from '../problems'
import type { Problem, Row } from '../protocol'
import type { Experiment } from './experiment.svelte'
import type { Looking } from './look.svelte'

export class Settings {
  problems = $state.raw<Problem[]>([])

  private table = $state.raw<Field[]>([])

  constructor(
    private experiment: Experiment,
    private looking: Looking,
  ) {}

  begin(table: Row[]) {
    this.table = controls(table)
  }

  get shown(): Field[] {
    const { fields } = this.experiment
    return this.table.filter((field) => !this.looking.hidden(field.name) && counts(field, fields))
  }

  get beside(): Problems {
    const names = this.looking.hidden('knobs') ? [] : this.shown.map(({ name }) => name)
    const beside = this.problems.filter(({ command }) => !command) // the others stand above what is shown
    return problemsBeside(beside, this.looking.hidden('knobs') || this.looking.hidden('seed') ? names : ['seed', ...names])
  }
}
