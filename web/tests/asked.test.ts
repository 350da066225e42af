// Of every text, setting and link that tests/asked.py asks about, the page says what Python says, and trains the same bits.

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { experimentOf, NOTEBOOK, problemOf, recipeOf } from '../src/config/experiment'
import type { Experiment } from '../src/config/experiment'
import { inWords, plainOf } from '../src/config/training'
import { alignments, differing, nearest } from '../src/data/alignment'
import type { Place } from '../src/data/batch'
import { Problems } from '../src/errors'
import { Training } from '../src/kernel/training'
import type { Fields } from '../src/protocol'
import { otherRuns, read, write } from '../src/state/address'
import { LOOK } from '../src/state/look.svelte'
import { hashed } from './kernel/golden'
import { kernel } from './kernel/module'
import { differences, plain, type Plain } from './twins/plain'

interface Line {
  link?: string
  fields?: Fields
  said: Record<string, Plain>
}

const MOST_PLACES = 6

const known = new URL('../../tests/data/asked.jsonl.gz', import.meta.url).pathname
const path = (import.meta.env.HEADLAB_ASKED as string | undefined) ?? known // others: tests/test_link.py
const lines = gunzipSync(readFileSync(path))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)

function saidOf({ link, fields = {} }: Line): Record<string, unknown> {
  let asked = fields
  let said = {}
  if (link !== undefined) {
    const fragment = link.includes('#') ? link.slice(link.indexOf('#')) : ''
    asked = read(fragment, NOTEBOOK).fields
    said = { fields: asked, written: `#${write(asked, NOTEBOOK, LOOK)}`, other: otherRuns(fragment) }
  }
  try {
    const experiment = experimentOf(asked, false)
    return { ...said, ...ofCorpus(experiment), ...ofTraining(experiment) }
  } catch (error) {
    if (!(error instanceof Problems)) throw error
    return { ...said, problems: error.problems.map(({ text, field, line }) => [text, field, line]) }
  }
}

function ofCorpus({ corpus, model }: Experiment) {
  const dependencies = corpus.dependencies(model)
  return {
    corpus: corpus.plain,
    order: corpus.order,
    floors: [corpus.floor(), corpus.floor(model), corpus.bigramFloor()],
    resolvable: corpus.resolvable(model),
    dependencies: dependencies.map((item) => [
      ...[item.sequence, item.position, item.token, item.target, item.following, item.alternatives],
      ...[item.settled_by, item.settled_token, item.resolvable, item.is_answer],
    ]),
    notes: corpus.notes(),
    words: [corpus.positionWords(0), corpus.positionLabels(0), corpus.sentence(0)],
    bigrams: dependencies.map(({ token, target }) => corpus.bigramProbability(token, target)),
    aligned: aligned(corpus.tokens, dependencies, model.causal),
  }
}

function aligned(tokens: number[][], dependencies: Place[], causal: boolean) {
  const some = dependencies.slice(0, MOST_PLACES).map(({ sequence, position }) => ({ sequence, position }))
  return some.flatMap((place) => {
    const others = some.filter((other) => other !== place)
    if (!others.length) return []
    const near = nearest(tokens, place, others, causal).map(({ sequence, position }) => [sequence, position])
    const ways = others
      .slice(0, 2)
      .map((other) => alignments(tokens, place, other, causal).map(({ pairs, unpaired_a, unpaired_b }) => [pairs, unpaired_a, unpaired_b]))
    return [[near, others.map((other) => differing(tokens, place, other, causal))], ...ways]
  })
}

function ofTraining(experiment: Experiment) {
  const [problem, recipe] = [problemOf(experiment), recipeOf(experiment)]
  const training = new Training(kernel, problem, recipe, kernel.initial(problem, [experiment.seed], experiment.model.init_scale))
  while (!training.work(Infinity)) continue
  const { weights, final_loss } = training.take()
  training.end()
  return {
    trained: inWords(experiment.training),
    training: plainOf(experiment.training),
    phases: recipe.phases,
    loss: final_loss,
    sha256: hashed(kernel, problem, weights),
  }
}

it.each(lines.map((line, number) => [number, line.link ?? Object.values(line.fields!).join(' ').slice(0, 60), line] as const))(
  '%i: %s',
  (_, __, line) => {
    const found = plain(saidOf(line)) as Record<string, Plain>
    expect(Object.keys(found)).toEqual(Object.keys(line.said))
    expect([...differences(ordered(found, line.said), line.said)].slice(0, 5)).toEqual([])
  },
)

// Objects with their names in the same order.
function ordered(ours: Plain, theirs: Plain): Plain {
  if (Array.isArray(ours) && Array.isArray(theirs)) return ours.map((item, nth) => ordered(item, theirs[nth] ?? null))
  if (ours === null || theirs === null || typeof ours !== 'object' || typeof theirs !== 'object') return ours
  const [mine, other] = [ours as Record<string, Plain>, theirs as Record<string, Plain>]
  const names = [...Object.keys(other).filter((name) => name in mine), ...Object.keys(mine).filter((name) => !(name in other))]
  return Object.fromEntries(names.map((name) => [name, ordered(mine[name], other[name] ?? null)]))
}
