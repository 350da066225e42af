// The picture that is kept of a run: its tables, drawn as the lab saves them.

import { svgOf } from '../keep/drawing'
import { figureOf } from '../keep/figure'
import { fixed } from '../notation/numbers'
import { LOOK } from '../state/look.svelte'
import { nameOfRun } from './corpus'
import type { Facts } from './missing'

const STEP_UNSAID = 0

export function pictureOf(address: string, view: string, facts: Facts): { svg: string; said: string } {
  const look = new URLSearchParams(view)
  const [layer, head] = [Number(look.get('layer') ?? LOOK.layer), Number(look.get('head') ?? LOOK.head)]
  const { sentences, vocabulary, loss, grade } = facts
  const heads = sentences[0]?.patterns.length ?? 1
  const said = `${nameOfRun(address)}: loss ${loss === null ? '∞' : fixed(loss, 3)}, ${grade}`
  const drawing = figureOf(
    {
      ...{ step: STEP_UNSAID, layer, head, several: heads > 1, output: 'probs', vocabulary },
      sentences: sentences.map(({ words, patterns, probabilities }) => ({
        words,
        pattern: patterns[Math.min(heads - 1, layer * (heads > 1 ? facts.heads : 1) + head)],
        predictions: probabilities,
      })),
    },
    [said],
  )
  return { svg: svgOf(drawing), said }
}

export const dataUrl = (svg: string) => `data:image/svg+xml,${encodeURIComponent(svg)}`
