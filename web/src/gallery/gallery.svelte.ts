// What the gallery's page shows: which task, which run of it, and what is looked at. Its address says which task, recipe and seed.

import type { Kernel } from '../kernel/kernel'
import { type Course, courseOf, nearest, tellingPlace } from './course'
import { askedBy, type Gallery, type Recipe, type Task } from './gallery'
import { trained } from './live'

const LARGEST = Number.MAX_SAFE_INTEGER

export class Shown {
  task = $state.raw<Task | null>(null)
  recipe = $state('')
  seed = $state(0)
  course = $state.raw<Course | null>(null)
  busy = $state(false)
  problem = $state('') // why there is no run
  step = $state<number | null>(null) // that is looked at; null: the last one
  example = $state(0)
  layer = $state(0)
  head = $state(0)
  query = $state(0)
  playing = $state(false)
  moment = $derived(this.course ? (this.step === null ? this.course.moments.length - 1 : nearest(this.course.moments, this.step)) : 0)
  private chosen = false // whether somebody chose from where to look
  private turn = 0 // of trainings: what an earlier one still says is no matter
  private stopping = false

  constructor(
    readonly gallery: Gallery,
    private readonly kernel: () => Promise<Kernel>,
  ) {}

  get now() {
    return this.course?.moments[this.moment]
  }

  get setting(): Recipe | undefined {
    return this.task?.recipes.find(({ name }) => name === this.recipe)
  }

  get seen() {
    return this.course?.examples[Math.min(this.example, this.course.examples.length - 1)]
  }

  get causal() {
    return this.setting?.model.causal !== false
  }

  // A task by what stands behind # in the address; nothing: the list of all.
  open(hash: string) {
    const { name, ...asked } = askedBy(hash)
    const task = this.gallery.tasks.find((task) => task.name === name) ?? null
    this.leave()
    this.task = task
    if (!task) return
    if (!task.live) {
      this.recipe = task.recording?.recipe ?? task.recipes[0].name
      this.take(task.recording ? courseOf(task.recording) : null)
      return
    }
    const recipe = task.recipes.find(({ name }) => name === asked.recipe) ?? task.recipes[0]
    void this.train(recipe.name, seedOf(asked.seed ?? '') ?? firstSeed(recipe))
  }

  get address() {
    const { task, recipe, seed } = this
    if (!task) return '#'
    if (!task.live) return `#${task.name}`
    const first = task.recipes[0].name === recipe
    return `#${task.name}${first ? '' : `&recipe=${encodeURIComponent(recipe)}`}&seed=${seed}`
  }

  async train(recipe: string, seed: number) {
    const turn = ++this.turn
    const mine = () => turn === this.turn
    const { task } = this
    if (!task?.problem) return
    const kept = this.recipe === recipe && this.course !== null
    Object.assign(this, { recipe, seed, busy: true, problem: '', stopping: false, playing: false })
    try {
      const kernel = await this.kernel()
      let first = !kept
      const told = (course: Course) => {
        if (!mine()) return
        if (first) this.take(course)
        else this.course = course
        if (!kept && !this.chosen) this.settle()
        first = false
      }
      if (mine()) await trained({ kernel, table: task.problem, recipe, seed }, told, () => !mine() || this.stopping)
    } catch (error) {
      if (mine()) this.problem = error instanceof Error ? error.message : String(error)
    }
    if (mine()) this.busy = false
  }

  stop() {
    this.stopping = true
  }

  // Another run is shown, and of that, at first, the end, the last layer, and a place that tells something.
  private take(course: Course | null) {
    this.course = course
    Object.assign(this, { step: null, example: 0, layer: Math.max(0, (course?.n_layers ?? 0) - 1), head: 0 })
    this.settle()
  }

  private settle() {
    const { course } = this
    const last = course?.moments.at(-1)
    if (course?.examples.length && last) this.query = tellingPlace(course, last, this.example, this.layer, this.head)
  }

  private leave() {
    this.turn++
    Object.assign(this, { course: null, chosen: false, busy: false, problem: '', playing: false, recipe: '', task: null })
  }

  lookFrom(query: number) {
    this.query = query
    this.chosen = true
  }

  look(moment: number) {
    const moments = this.course?.moments ?? []
    this.step = moment >= moments.length - 1 ? null : moments[Math.max(0, moment)].step
  }

  play() {
    if (!this.playing && this.step === null) this.look(0)
    this.playing = !this.playing
  }
}

// A seed as it is typed; nothing where it is none.
export function seedOf(text: string): number | null {
  const seed = Number(text)
  return /^\d+$/.test(text.trim()) && seed <= LARGEST ? seed : null
}

// Of a recipe's seeds the first one with the best value of its first number.
function firstSeed({ seeds, references }: Recipe): number {
  const metric = references[0]?.metric
  const known = seeds.filter(({ values }) => metric && Number.isFinite(values[metric]))
  const sign = metric === 'cross_entropy' ? -1 : 1
  const best = Math.max(...known.map(({ values }) => sign * values[metric]!))
  return known.find(({ values }) => sign * values[metric]! === best)?.seed ?? 0
}
