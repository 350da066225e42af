// How one looks at what is shown: which sentence, position, head and moment, in which numbers, and what is hidden.

import { clamp } from '../maths'
import type { Way } from '../protocol'
import type { Rules } from './experiment.svelte'

export interface Look {
  output: 'softmax' | 'sigmoid'
  by: Way
  sequence: number
  query: number // −1: that of the sentence's first dependency
  layer: number
  head: number
  moment: number // −1: the end
  against: number // the moment that is compared with; −1: none
  hide: string // names of panels and settings, with commas between them
}

// Every one has a default, which the address leaves out.
export const LOOK: Look = {
  output: 'softmax',
  by: 'source',
  sequence: 0,
  query: -1,
  layer: 0,
  head: 0,
  moment: -1,
  against: -1,
  hide: '',
}

// What there is to look at.
export interface Range {
  lengths: number[] // of the sentences that are shown
  layers: number
  heads: number
  moments: number
}

export class Looking {
  rules: Pick<Rules, 'hidden'> | null = null
  look = $state<Look>({ ...LOOK })

  see(change: Partial<Look>) {
    Object.assign(this.look, change)
  }

  reset() {
    this.look = { ...LOOK, hide: this.look.hide }
  }

  hidden(name: string) {
    return this.look.hide.split(',').includes(name) || (this.rules?.hidden(name) ?? false)
  }

  // The same run with other moments: the nearest ones are looked at.
  follow(before: Float32Array, moments: Float32Array) {
    const nearest = (at: number) => {
      const apart = Array.from(moments, (step) => Math.abs(step - before[at]))
      return at < 0 ? at : apart.indexOf(Math.min(...apart))
    }
    this.see({ moment: nearest(this.look.moment), against: nearest(this.look.against) })
  }

  keepInside({ lengths, layers, heads, moments }: Range) {
    const look = this.look
    look.sequence = clamp(look.sequence, 0, lengths.length - 1)
    look.layer = clamp(look.layer, 0, layers - 1)
    look.head = clamp(look.head, 0, heads - 1)
    if (look.query >= lengths[look.sequence]) look.query = -1
    if (look.moment >= moments - 1) look.moment = -1
    if (look.against >= moments) look.against = -1
  }
}
