// What is saved in the page: read back by Python (tests/test_kept.py), to the letter and to the byte.
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import codes from '../../tests/data/page_python.json'
import { carriedIn } from '../src/carried'
import { experimentOf, problemOf, recipeOf } from '../src/config/experiment'
import settings from '../src/config/settings.json'
import { stepsOf } from '../src/config/training'
import { csvText, type Shown, tableOf } from '../src/keep/csv'
import { svgOf } from '../src/keep/drawing'
import { aboutRun, figureOf } from '../src/keep/figure'
import { nameOf } from '../src/keep/name'
import { pythonCode } from '../src/keep/python'
import { reportHtml } from '../src/keep/report'
import { Training } from '../src/kernel/training'
import { bytes } from '../src/frames'
import type { Fields } from '../src/protocol'
import { weightsFrame } from '../src/work/weights'
import { kernel } from './kernel/module'

const SAVED: Fields = { d_head: 4, n_heads: 2, seed: 7, steps: 60 }
const file = new URL('../../tests/data/page_run.safetensors', import.meta.url).pathname

function recorded(fields: Fields) {
  const experiment = experimentOf(fields)
  const [problem, steps] = [problemOf(experiment), stepsOf(experiment.training)]
  const recipe = recipeOf(experiment, { recorded: Array.from({ length: steps }, (_, step) => step), snapshots: [0, steps] })
  const training = new Training(kernel, problem, recipe, kernel.initial(problem, [experiment.seed], experiment.model.init_scale))
  while (!training.work(Infinity)) continue
  const { snapshots, losses, rates, final_loss, outcome } = training.take()
  training.end()
  return { kernel, experiment, moments: [0, steps], weights: snapshots, losses, rates, finalLoss: final_loss[0], outcome: outcome[0] }
}

it('weights are the file that Python reads', () => {
  const saved = bytes(weightsFrame(recorded(SAVED)).values.base64)
  if (import.meta.env.HEADLAB_WRITE) writeFileSync(file, saved)
  expect(saved).toEqual(new Uint8Array(readFileSync(file)))
})

it('the code is the one that Python writes and runs', () => {
  for (const { fields, code } of codes as { fields: Fields; code: string }[]) expect(pythonCode(experimentOf(fields))).toBe(code)
})

it('files are named after their run', () => {
  expect(nameOf(experimentOf({ d_head: 10 }), 'svg')).toBe('headlab-notebook-d10-seed1.svg')
  expect(nameOf(experimentOf({ text: 'a b\nc d', seed: '18446744073709551615' }), 'csv', 60)).toBe(
    'headlab-sentences-d20-seed18446744073709551615-step60.csv',
  )
})

it('a table has every number in full, and no cell that a spreadsheet runs', () => {
  const columns = [
    { name: 'word', cells: ['=1+1', "'t", 'a,b', 'say "x"', '', '＋1', '-1', null] },
    { name: 'change', cells: [-1, 2, 0.1, 1e-9, NaN, 1e21, 5, null], real: true },
    { name: 'solved', cells: [true, false, null, null, null, null, null, null] },
  ]
  expect(csvText(columns)).toBe(
    'word,change,solved\n\'=1+1,-1.0,TRUE\n\'\'t,2.0,FALSE\n"a,b",0.1,\n"say ""x""",1e-09,\n"",,\n\'＋1,1e+21,\n\'-1,5.0,\n,,\n',
  )
  expect(csvText([{ name: 'one', cells: [null, 1] }])).toBe('one\n""\n1\n')
})

const HOSTILE = '<b>&"\u202e]]>\x07</script>'
const shown: Shown = {
  ...{ step: 60, layer: 0, head: 1, several: true, output: 'probs', vocabulary: ['<Start>', HOSTILE, 'a', 'averyverylongwordindeed'] },
  sentences: [
    {
      words: ['<Start>', HOSTILE],
      pattern: [[1], [0.25, 0.75]].map((row) => [...row, 0].slice(0, 2)),
      predictions: [
        [0.1, 0.2, 0.3, 0.4],
        [NaN, 0, 0, 1],
      ],
    },
  ],
}

it('the table of a moment has a line a number', () => {
  const lines = tableOf(shown).split('\n')
  expect(lines).toHaveLength(1 + 4 + 8 + 1)
  expect(lines[0]).toBe('step,sentence,position,token,kind,layer,head,of,value')
  expect(lines[1]).toBe('60,1,0,<Start>,attention,0,1,<Start>,1.0')
  expect(lines.at(-2)).toMatch(/,probs,,,averyverylongwordindeed,1\.0$/)
})

it('the figure says what it is of, and whatever words are, it is sound XML', () => {
  const { corpus, model } = experimentOf({ text: 'a b\nc d\ne f', start: '', n_heads: 2 })
  const about = { corpus, model, seed: 7n, step: 5020, outcome: 'diverged at step 9' }
  expect(aboutRun({ ...about, loss: 0.16649 })).toEqual(['a b / c d / …', 'seed 7, d_head 20, 2 heads, step 5,020, loss 0.166'])
  expect(aboutRun({ ...about, loss: null })[1]).toMatch(/diverged at step 9$/)
  const svg = svgOf(figureOf(shown, [HOSTILE]))
  const text = svg.replace(/<[^>]*>/g, '')
  expect(text).not.toMatch(/[<\x00-\x09\u202e]/) // eslint-disable-line no-control-regex
  expect(text).toContain('sentence 1: attention weights of head 0.1')
  expect([text.includes('0.750'), text.includes('–'), text.includes('averyverylongwo…')]).toEqual([true, true, true])
  expect(svg.match(/<text/g)).toHaveLength(svg.match(/<\/text>/g)!.length)
})

it('a figure has the colours of the page: all that can be, and all that can be taken away', () => {
  const fills = figureOf(shown, ['x']).marks.map(({ fill }) => fill)
  expect(fills).toContain(settings.shades.hue[0])
  const logits = shown.sentences.map((sentence) => ({ ...sentence, predictions: [[-5, 5, 0]] }))
  const signed = figureOf({ ...shown, output: 'logits', sentences: logits }, ['x']).marks.map(({ fill }) => fill)
  expect(signed).toEqual(expect.arrayContaining([settings.shades.hue[0], settings.shades.anti[0], '#ffffff']))
})

it('of a large corpus the figure shows a part, and says which', () => {
  const words = Array.from({ length: 80 }, (_, nth) => `w${nth}`)
  const values = words.map((_, row) => words.map((_, column) => (row === column ? 5 : -1)))
  const large: Shown = {
    ...shown,
    output: 'logits',
    vocabulary: words,
    sentences: Array(15).fill({ words, pattern: values, predictions: values }) as Shown['sentences'],
  }
  const drawing = figureOf(large, ['x'])
  const told = drawing.marks.map(({ words }) => words).filter((words) => words?.startsWith('…'))
  expect(told).toEqual(['… and 14 more sentences.', '… and 16 more rows.', '… and 56 more columns.'])
  expect(drawing.marks.length).toBeLessThan(7000)
})

it('a report is the page with a recording and readable tables, which nothing in them can leave', () => {
  const script = "const page = '<div>'"
  const head = `<meta http-equiv="Content-Security-Policy" content="script-src 'sha256-x'" /><title>headlab</title>`
  const put = '<section id="headlab-recorded"><h1>old</h1></section><div id="lab"></div>'
  const link = '<script type="text/plain" id="headlab-link">seed=5</script>'
  const body = `${put}\n  ${link}\n    <script type="module">${script}</script>`
  const page = `<!doctype html><html><head>${head}</head><body class="a">${body}</body></html>`
  const frame = {
    kind: 'problems' as const,
    id: 0,
    values: { problems: [{ text: `${HOSTILE}<!--<script>`, field: null, line: null }] },
    arrays: {},
  }
  const carried = { numerics: 2, fields: { text: HOSTILE }, frames: [frame] }
  const tables = [{ caption: HOSTILE, columns: [HOSTILE], rows: [[HOSTILE, ['0.5']]] as [string, string[]][] }]
  const written = reportHtml(page, carried, { title: HOSTILE, lines: [HOSTILE], tables }, '#seed=7&text=<')
  expect(written.match(/<\/script>/g)).toHaveLength(3)
  expect(written.split('headlab-carried')[0]).not.toMatch(/\x07|\u202e/) // eslint-disable-line no-control-regex
  expect(written).not.toContain('<!--')
  expect(written).not.toMatch(/old|seed=5/)
  expect(written).toContain(
    '</table></section>\n    <script type="text/plain" id="headlab-link">seed=7&text=%3C</script>\n    <script type="application/json"',
  )
  expect(written).toContain(`<script type="module">${script}</script>`)
  const text = /id="headlab-carried">([^<]*)</.exec(written)![1]
  expect(carriedIn(text)).toEqual(carried)
  expect(reportHtml(written, carried, { title: HOSTILE, lines: [HOSTILE], tables }, '#seed=7&text=<')).toBe(written)
})
