// The notebook's run as the page has it before anything is trained, and as tables for who runs no script: made when it is built.

import packed from '../../src/headlab/engine/kernel-lab.wasm?packed'
import { carriedText } from './carried'
import { experimentOf, NOTEBOOK } from './config/experiment'
import { stepsOf } from './config/training'
import { numbersAt, rows } from './frames'
import { Kernel } from './kernel/kernel'
import { unpack } from './kernel/packed'
import { type ReadTable, readable } from './keep/report'
import { softmax } from './maths'
import type { Numbers, Picture, Why } from './protocol'
import { momentsOf } from './work/moments'
import { pictureFrame } from './work/picture'
import { ended } from './work/pieces'
import { Recording } from './work/recording'
import { train } from './work/train'
import { whyFrame } from './work/why'

const MOST_NUMBERS = 350 // in an array: some moments, as a file is to be small
const POINTS = 60 // of the loss curve

export async function recorded(): Promise<{ data: string; tables: string }> {
  const kernel = await Kernel.of(await unpack(packed))
  const experiment = experimentOf(NOTEBOOK)
  const steps = stepsOf(experiment.training)
  const kept = { recorded: Array.from({ length: steps }, (_, step) => step), snapshots: momentsOf(experiment, steps, MOST_NUMBERS) }
  const trained = ended(train(kernel, experiment, [experiment.seed], kept))
  const recording = new Recording(kernel, experiment, kept.snapshots, trained)
  const [picture, why] = [ended(pictureFrame(recording)), ended(whyFrame(recording))]
  const { loss, loss_step } = picture.arrays
  const fewer = { ...picture, arrays: { ...picture.arrays, loss: thinned(loss), loss_step: thinned(loss_step) } }
  return { data: carriedText({ numerics: Kernel.numerics, fields: {}, frames: [fewer, without(why)] }), tables: tables(picture) }
}

// Tables that are looked at later come with the trained run.
const without = (why: Why): Why => (why.values.none === undefined ? { ...why, values: { ...why.values, circuits: [] } } : why)

function thinned({ data }: Numbers): Numbers {
  const points = Array.from({ length: POINTS }, (_, nth) => data[Math.round((nth * (data.length - 1)) / (POINTS - 1))])
  return { shape: [POINTS], data: Float32Array.from(points) }
}

// The patterns and predictions of the end.
function tables({ values, arrays }: Picture): string {
  const { corpus, seed, steps, final_loss } = values
  const last = arrays.moments.data.length - 1
  const found = corpus.tokens.flatMap((tokens, sequence): ReadTable[] => {
    const words = tokens.map((token) => corpus.vocabulary[token])
    const read = (numbers: Numbers) => rows(numbers).slice(0, words.length)
    const pattern = read(numbersAt(arrays.pattern, last, 0, 0, sequence)).map((row, query) => row.slice(0, query + 1))
    const predicted = read(numbersAt(arrays.logits, last, sequence)).map((row) => softmax(row))
    const cells = (numbers: number[][]) => numbers.map((row, at) => [words[at], row.map((number) => number.toFixed(3))] as const)
    return [
      { caption: `Sentence ${sequence + 1}: how much each word looks at those before it`, columns: words, rows: cells(pattern) },
      { caption: `Sentence ${sequence + 1}: what comes next, as probabilities`, columns: corpus.vocabulary, rows: cells(predicted) },
    ]
  })
  const run = `seed ${seed}, ${steps.toLocaleString('en')} steps, loss ${final_loss!.toFixed(4)}`
  const lines = [
    'This page trains a head while you look, which takes a browser that runs its script.',
    `Recorded: the notebook’s run, ${run}.`,
  ]
  return readable({ title: 'headlab', lines, tables: found })
}
