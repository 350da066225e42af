// What is asked for: a corpus, a model, a training and a seed, checked whole, within limits; src/headlab/runs/link.py says the same.

import { Corpus, type PlainCorpus } from '../data/corpus'
import { gathered, problem, Problems } from '../errors'
import type { Problem as Asked, Recipe } from '../kernel/asked'
import type { Type } from '../kernel/layout'
import { nearest } from '../notation/nearest'
import { grouped } from '../notation/numbers'
import { shortRepr, str } from '../notation/values'
import type { Fields, Problem, Value } from '../protocol'
import { type ModelConfig, modelOf, shapeOn } from './model'
import settings from './settings.json'
import { MODEL, type Row, TRAINING } from './table'
import { continuedAs, has, phasesOf, stepsOf, type TrainConfig, trainingOf } from './training'

export const NOTEBOOK: Fields = settings.notebook
export const TASKS: Record<string, { title: string; corpus: PlainCorpus; goal: number }> = settings.tasks
export const FORK_FIELDS = TRAINING.map(({ name }) => name).filter((name) => name !== 'dtype') // what a fork may change
export const OF_TEXT = ['text', 'start', 'wrap'] // a text of one's own and how it is read, in place of a task

export const MOST_CHARACTERS = 16_384
const MOST = { sequences: 200, positions: 64, d_vocab: 512 }
export const MOST_OF: Record<string, number> = { d_head: 1024, n_heads: 16, n_layers: 8, d_model: 512, steps: 100_000 }
const LARGER = 'train larger ones with `headlab train`'

export interface Experiment {
  task: string // its name; '': a text of one's own
  corpus: Corpus
  goal: number // what share of the resolvable places must be right
  model: ModelConfig
  training: TrainConfig
  seed: bigint
}

// The rows of the settings that have a control, with what a number may be in the lab.
export const CONTROLS: Row[] = [...TRAINING, ...MODEL]
  .filter(({ name }) => name in NOTEBOOK)
  .map((row) => (row.name in MOST_OF ? { ...row, high: Math.min(row.high ?? Infinity, MOST_OF[row.name]) } : row))

// An experiment of the page's fields, the notebook's where one is left out; throws everything that is wrong with them.
// limited: to what a page may train without asking
export function experimentOf(given: Fields, limited = true): Experiment {
  const problems: Problem[] = Object.keys(given)
    .filter((name) => !Object.hasOwn(NOTEBOOK, name))
    .map((name) => problem(`${name} is no setting: leave it out`, name))
  const own: Fields = OF_TEXT.some((name) => name in given) ? { task: '' } : {}
  const known = Object.entries(given).filter(([name]) => Object.hasOwn(NOTEBOOK, name))
  const chosen: Fields = { ...NOTEBOOK, ...own, ...Object.fromEntries(known) }
  if ('steps' in given && !('schedule' in given)) chosen.schedule = null // steps alone mean here what they mean everywhere
  const seed = seedOf(chosen.seed)
  if (seed === null) problems.push(problem(`seed must be a whole number from 0 to 2**64 - 1, got ${seedText(chosen.seed)}`, 'seed'))
  const dataset = gathered(problems, () => datasetOf(chosen, limited))
  const model = gathered(problems, () => modelOf(chosen))
  const training = gathered(problems, () => trainingWithFork(chosen))
  if (model?.n_layers === 0) problems.push(problem('n_layers must be at least 1 in the lab, got 0: take one', 'n_layers'))
  const wrong = new Set(problems.map(({ field }) => field))
  for (const [name, most] of Object.entries(limited ? MOST_OF : {})) {
    const value = chosen[name]
    if (wrong.has(name) || typeof value !== 'number' || !Number.isInteger(value) || value <= most) continue
    problems.push(problem(`${name} must be at most ${grouped(most)} in the lab, got ${shortRepr(value)}: ${LARGER}`, name))
  }
  if (dataset && model) gathered(problems, () => shapeOn(model, dataset.corpus))
  if (problems.length || !dataset || !model || !training || seed === null) throw new Problems(problems)
  return { ...dataset, model, training, seed }
}

// A seed exactly: a number, or text where JavaScript's numbers are too small for it.
export function seedOf(value: Value): bigint | null {
  const digits = typeof value === 'string' && /^\d{1,20}$/.test(value)
  if (!digits && !(typeof value === 'number' && Number.isInteger(value) && value >= 0)) return null
  const seed = BigInt(value)
  return seed < 2n ** 64n ? seed : null
}

// A seed as a field holds it.
export const seedValue = (seed: bigint): Value => (seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : String(seed))

const seedText = (value: Value) => (typeof value === 'string' && /^\d+$/.test(value) ? value : shortRepr(value))

function datasetOf(chosen: Fields, limited: boolean): Pick<Experiment, 'task' | 'corpus' | 'goal'> {
  const task = chosen.task === '' ? null : taskOf(chosen.task)
  const corpus = task ? new Corpus(task.corpus) : textCorpus(chosen, limited ? MOST_CHARACTERS : Infinity)
  const sizes = { sequences: corpus.n_sequences, positions: corpus.n_ctx, d_vocab: corpus.d_vocab }
  const words = { sequences: 'sentences', positions: 'words in a sentence', d_vocab: 'different words' }
  const wrong = (Object.keys(MOST) as (keyof typeof MOST)[]).filter((name) => limited && sizes[name] > MOST[name])
  if (wrong.length)
    throw new Problems(
      wrong.map((name) =>
        problem(`the lab takes at most ${MOST[name]} ${words[name]}, got ${sizes[name]}: use \`headlab train\` for more`),
      ),
    )
  return { task: task ? String(chosen.task) : '', corpus, goal: task?.goal ?? 1 }
}

function taskOf(name: Value) {
  if (typeof name === 'string' && Object.hasOwn(TASKS, name)) return TASKS[name]
  if (typeof name === 'string' && settings.elsewhere.includes(name))
    throw new Problems(
      problem(`the task must be one of the lab, got ${name}: open gallery.html#${name}, which "headlab tasks page" writes`, 'task'),
    )
  const known = [...Object.keys(TASKS), ...settings.elsewhere]
  throw new Problems(problem(`a task must be a known one, got ${shortRepr(name)}: ${nearest(str(name), known)}`, 'task'))
}

function textCorpus({ text, start, wrap }: Fields, most: number): Corpus {
  if (typeof text !== 'string' || typeof start !== 'string' || typeof wrap !== 'boolean')
    throw new Problems(problem('text and start must be text, and wrap true or false: reload the page'))
  const letters = Array.from(text).length
  if (letters > most) {
    const [limit, got] = [most, letters].map(grouped)
    throw new Problems(problem(`the sentences must have at most ${limit} characters, got ${got}`, 'text'))
  }
  return Corpus.fromText(text, { start: start || null, wrap })
}

// The whole training, with the settings before a fork up to it where there is one.
function trainingWithFork(chosen: Fields): TrainConfig {
  const whole = withoutFork(chosen)
  if (chosen.fork === null) return whole
  const before = settingsBefore(chosen.before)
  const usual = Object.fromEntries(FORK_FIELDS.map((name) => [name, NOTEBOOK[name]]))
  return continuedAs(withoutFork({ ...usual, ...before }), chosen.fork, whole)
}

function settingsBefore(given: Value): Fields {
  const before = parsed(given || '{}')
  const wrong = (
    Array.isArray(before) ? (before as unknown[]) : typeof before === 'string' ? Array.from(before) : Object.keys(before)
  ).filter((name) => !FORK_FIELDS.includes(name as string))
  if (typeof before === 'object' && !Array.isArray(before) && !wrong.length) return before as Fields
  const got = shortRepr(wrong.length ? wrong : before)
  throw new Problems(problem(`before must hold settings of the training alone, got ${got}: fork again`, 'before'))
}

function parsed(text: Value): object | string {
  try {
    const found: unknown = typeof text === 'string' ? JSON.parse(text) : null
    if ((typeof found === 'object' && found !== null) || typeof found === 'string') return found
  } catch {
    // said below
  }
  throw new Problems(problem('before must be the settings before the fork, as JSON: fork again', 'before'))
}

// The page keeps what was chosen for another optimizer; what this one has not is left out.
function withoutFork(chosen: Fields): TrainConfig {
  let had = FORK_FIELDS.filter((name) => has(chosen.optimizer, name))
  if (!chosen.momentum) had = had.filter((name) => name !== 'nesterov')
  const training = trainingOf(Object.fromEntries(had.map((name) => [name, chosen[name]])))
  if (stepsOf(training) < 1) throw new Problems(problem('steps must be at least 1 in the lab, got 0: take some', 'steps'))
  return training
}

// The question to the kernel; type: of the numbers that it computes with, those of the training where it is left out.
export function problemOf(
  { corpus, model, training }: Pick<Experiment, 'corpus' | 'model' | 'training'>,
  type: Type = training.dtype,
): Asked {
  return {
    shape: shapeOn(model, corpus),
    type,
    tokens: Int32Array.from(corpus.tokens.flat()),
    targets: Int32Array.from(corpus.targets.flat()),
    weights: Float64Array.from(corpus.weights.flat()),
  }
}

// How the kernel trains it; recorded, snapshots: the steps whose losses and whose weights are kept.
export function recipeOf({ training }: Pick<Experiment, 'training'>, kept: Omit<Recipe, 'phases'> = {}): Recipe {
  return { phases: phasesOf(training), ...kept }
}
