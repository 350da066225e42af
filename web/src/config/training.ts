// How a model is trained: flat settings to phases, as src/headlab/config/training.py has it, and phases to what the kernel is asked.

import { gathered, problem, Problems } from '../errors'
import type { Phase as Asked, Plateau } from '../kernel/asked'
import type { Type } from '../kernel/layout'
import { grouped, quantity } from '../notation/numbers'
import { general, numberText, shortRepr } from '../notation/values'
import type { Fields, Problem, Value } from '../protocol'
import settings from './settings.json'
import { problemsOf, TRAINING } from './table'

// What is in force at a step; any of it may change on the way.
export type Settings = Pick<
  Asked,
  'optimizer' | 'learning_rate' | 'loss' | 'momentum' | 'nesterov' | 'rho' | 'centered' | 'beta_1' | 'beta_2' | 'epsilon' | 'weight_decay'
>

export interface Phase {
  steps: number
  plateau: Plateau | null
  plateau_goes_on: boolean
  changes: Partial<Settings>
}

export interface TrainConfig extends Settings {
  phases: Phase[]
  dtype: Type
}

const { edge: EDGE, notebook_steps: NOTEBOOK_STEPS, plateau: PLATEAU } = settings
const FIRST_RATE: Record<string, number> = settings.first_rate
const ROWS = Object.fromEntries(TRAINING.map((row) => [row.name, row]))
const NAMES = TRAINING.map(({ name }) => name).filter((name) => !['steps', 'schedule', 'dtype'].includes(name)) as (keyof Settings)[]

// Whether an optimizer has an option; what no optimizer lacks, any word has.
export function has(optimizer: Value, name: string): boolean {
  const having = ROWS[name]?.optimizers
  return !having || having.includes(String(optimizer))
}

export const usual = (name: string): Value => ROWS[name].default

// A training of flat settings, whatever is left out as usual; steps alone are at a constant rate.
export function trainingOf(given: Fields): TrainConfig {
  const { steps = null, schedule = null, ...fields } = given
  const problems: Problem[] = []
  const phases = steps === null && schedule === null ? stretches(null, null) : gathered(problems, () => stretches(steps, schedule))
  if (fields.learning_rate === null) problems.push(problem('learning_rate must be a number, got None', 'learning_rate'))
  const built: Fields = { dtype: usual('dtype'), ...Object.fromEntries(NAMES.map((name) => [name, usual(name)])), ...fields }
  built.learning_rate ??= FIRST_RATE[String(built.optimizer)] ?? FIRST_RATE.sgd
  gathered(problems, () => check(built))
  if (problems.length) throw new Problems(problems)
  return { ...(built as unknown as Settings & { dtype: Type }), phases: phases! }
}

// The phases of a schedule.
function stretches(steps: Value, schedule: Value): Phase[] {
  const problems = [...problemsOf(ROWS.steps, steps), ...problemsOf(ROWS.schedule, schedule)]
  if (problems.length) throw new Problems(problems)
  const count = (steps as number | null) ?? NOTEBOOK_STEPS
  if (schedule === 'constant' || (schedule === null && steps !== null)) return [phase(count)]
  if (count <= 2 * EDGE) {
    const why = `the first and last ${EDGE} do not watch for one: take more steps, or the schedule constant`
    throw new Problems(problem(`steps must be above ${2 * EDGE} with the schedule plateau, got ${count}: ${why}`, 'steps'))
  }
  return [phase(EDGE), phase(count - 2 * EDGE, { ...PLATEAU }), phase(EDGE)]
}

const phase = (steps: number, plateau: Plateau | null = null): Phase => ({ steps, plateau, plateau_goes_on: false, changes: {} })

function check(fields: Fields) {
  const rows = TRAINING.filter(({ name }) => name in fields)
  const problems = rows.flatMap((row) => problemsOf(row, fields[row.name]))
  problems.push(...misplaced(fields))
  if (problems.length) throw new Problems(problems)
}

// The options that would do nothing.
function misplaced(fields: Fields): Problem[] {
  const { optimizer, nesterov, momentum } = fields
  if (!ROWS.optimizer.choices.includes(String(optimizer))) return []
  const found = NAMES.flatMap((name) => {
    const [value, standard] = [fields[name], usual(name)]
    if (has(optimizer, name) || typeof value !== typeof standard || value === standard) return []
    const got = typeof value === 'number' ? numberText(value, true) : shortRepr(value)
    const having = ROWS[name].optimizers!.join(' and ')
    return [problem(`${name} goes with ${having}, and the optimizer is ${optimizer}, got ${got}: leave it out`, name)]
  })
  if (optimizer === 'sgd' && nesterov === true && momentum === 0) {
    const said = 'nesterov goes with a momentum above 0, got momentum 0: give a momentum, or leave nesterov out'
    found.push(problem(said, 'nesterov'))
  }
  return found
}

export const stepsOf = ({ phases }: TrainConfig) => phases.reduce((sum, { steps }) => sum + steps, 0)

// What is in force in a phase. The learning rate is the one that was last set: each run's own goes on from there.
export function settingsAt(training: TrainConfig, number: number): Settings {
  let values = Object.fromEntries(NAMES.map((name) => [name, training[name]])) as unknown as Settings
  for (const { changes } of training.phases.slice(0, number + 1)) {
    values = { ...values, ...changes }
    if (changes.optimizer) values = { ...values, ...leftBehind(changes) }
  }
  return values
}

// The options that a new optimizer has not, at their defaults again.
function leftBehind(changes: Partial<Settings>): Partial<Settings> {
  const names = NAMES.filter((name) => !has(changes.optimizer!, name) && !(name in changes))
  return Object.fromEntries(names.map((name) => [name, usual(name)]))
}

// What is in force at a step, that of the last phase from the end on.
export function inForce(training: TrainConfig, step: number): Settings {
  let [number, end] = [0, training.phases[0].steps]
  while (end <= step && number < training.phases.length - 1) end += training.phases[++number].steps
  return settingsAt(training, number)
}

// The phases before a step and those from it on; a plateau that is cut goes on.
function cut(training: TrainConfig, at: number): [before: Phase[], after: Phase[]] {
  const [before, after]: [Phase[], Phase[]] = [[], []]
  let start = 0
  for (const one of training.phases) {
    const end = start + one.steps
    if (start >= at) after.push(one)
    else if (end <= at) before.push(one)
    else {
      before.push({ ...one, steps: at - start })
      after.push({ ...one, steps: end - at, changes: {}, plateau_goes_on: one.plateau !== null })
    }
    start = end
  }
  return [before, after]
}

// A training up to a step, and from there on what another one does at that step and after it. What differs between the settings of the
// two changes at the step; a rate, too, goes on where both have the same one.
export function continuedAs(training: TrainConfig, at: Value, other: TrainConfig): TrainConfig {
  for (const one of [training, other]) checkFork(one, at)
  const step = at as number
  const before = cut(training, step)[0]
  const [first, ...rest] = cut(other, step)[1]
  const goes_on = first.plateau_goes_on && before[before.length - 1].plateau !== null
  const [earlier, later] = [inForce(training, step - 1), inForce(other, step)]
  const apart: string[] = ['learning_rate', ...Object.keys(leftBehind({ optimizer: later.optimizer }))]
  const changed = NAMES.filter((name) => !apart.includes(name) && later[name] !== earlier[name])
  if (later.learning_rate !== earlier.learning_rate) changed.push('learning_rate')
  const changes = Object.fromEntries(changed.map((name) => [name, later[name]])) as Partial<Settings>
  return { ...training, phases: [...before, { ...first, plateau_goes_on: goes_on, changes: { ...changes, ...first.changes } }, ...rest] }
}

function checkFork(training: TrainConfig, at: Value) {
  const most = stepsOf(training) - 1
  if (typeof at === 'number' && Number.isInteger(at) && at > 0 && at <= most) return
  const place = `at a step from 1 to ${grouped(most)}, before the end`
  throw new Problems(problem(`a fork must be ${place}, got ${shortRepr(at)}: take an earlier one, or more steps`, 'fork'))
}

// The phases as the kernel has them, the settings in force in each.
export function phasesOf(training: TrainConfig): Asked[] {
  return training.phases.map(({ steps, plateau, plateau_goes_on, changes }, number) => ({
    ...settingsAt(training, number),
    ...{ steps, plateau, plateau_goes_on },
    sets_rate: number === 0 || 'learning_rate' in changes,
  }))
}

// As a file holds it, and Python's `TrainConfig.from_dict` reads it; what changes nothing is left out.
export function plainOf(training: TrainConfig) {
  const { phases, ...rest } = training
  const told = phases.map(({ steps, plateau, plateau_goes_on, changes }) => ({
    steps,
    plateau,
    ...(plateau_goes_on && { plateau_goes_on }),
    ...(Object.keys(changes).length && { changes }),
  }))
  return { ...rest, phases: told }
}

// The whole training in words: how many steps of what, and where something changes.
export function inWords(training: TrainConfig): string {
  const told: { steps: number; words: string }[] = []
  training.phases.forEach(({ steps, changes }, number) => {
    if (number && !Object.keys(changes).length) told[told.length - 1].steps += steps
    else told.push({ steps, words: settingsInWords(training, number) })
  })
  const counts = told.map(({ steps }, nth) => (nth ? grouped(steps) : quantity(steps, 'step')))
  return told.map(({ words }, nth) => `${counts[nth]} of ${words}`).join(', then ')
}

// What a phase is trained with: what is not usual in the first one, what is set anew in a later one.
function settingsInWords(training: TrainConfig, number: number): string {
  const [force, { changes }] = [settingsAt(training, number), training.phases[number]]
  const options: string[] = NAMES.filter((name) => name !== 'optimizer' && name !== 'learning_rate')
  const said = number ? Object.keys(changes) : options.filter((name) => force[name as keyof Settings] !== usual(name))
  const told = said.flatMap((name) => (options.includes(name) ? [option(name, force[name as keyof Settings])] : []))
  const at = !number || 'learning_rate' in changes ? ` at ${number ? '' : 'learning rate '}${general(force.learning_rate)}` : ''
  const [last, ...others] = told.reverse()
  const before = others.reverse().join(', ')
  return `${force.optimizer}${at}${last ? ` with ${before ? `${before} and ${last}` : last}` : ''}`
}

function option(name: string, value: Value): string {
  const words = name.replaceAll('_', ' ')
  if (typeof value === 'boolean') return value ? words : `no ${words}`
  return `${words} ${typeof value === 'number' ? general(value) : value}`
}
