// One row of the last layer's pattern at two places, key by key: scores, what values say, what a change of scores does.

import type { Alignment } from '../../data/alignment'
import type { Choice, Place } from '../choice'
import { Lazily } from '../lazily'
import type { Subject } from '../subject'
import { addProduct, addScaled } from '../vectors'
import { THRESHOLDS } from '../words'
import { differenceOf, readoutOf } from './contributions'

// The row at a place here and a place there, in slots: a slot is a key here and the key there that answers to it; what has no counterpart
// is only ever looked past.
export class AlignedRows extends Lazily {
  readonly keys: number[] // the position here of each slot
  readonly otherKeys: number[] // the position there
  readonly slots: number
  readonly heads: number
  readonly change: number // of the logit difference between the places
  readonly unpaired: number // what keys with no counterpart give, sizes summed
  readonly scores: Float64Array // [head, key]: here, of slots and then of what has no counterpart
  readonly otherPattern: Float64Array // [head, slot]: the attention there
  readonly value: Float64Array // [head, slot]: what the values here and there say about the choice, their mean
  readonly width: number // keys
  private readonly last: number

  constructor(
    readonly subject: Subject,
    { place, target, rivals }: Choice,
    readonly there: Place,
    readonly alignment: Alignment,
    readonly here = place,
  ) {
    super()
    const { clean, model } = subject
    const { pairs, unpaired_a, unpaired_b } = alignment
    const last = (this.last = model.n_layers - 1)
    this.heads = model.n_heads
    this.keys = pairs.map(([key]) => key)
    this.otherKeys = pairs.map(([, key]) => key)
    this.slots = pairs.length
    const every = [...this.keys, ...unpaired_a]
    this.width = every.length
    const w = readoutOf(subject, target, rivals)
    const says = [place, there].map(({ sequence }) => valuesOf(subject, w, sequence))
    const rows = [place, there].map(({ sequence, position }) =>
      Array.from({ length: this.heads }, (_, head) => clean.pattern(last, head, sequence, position)),
    )
    const lost = (side: number, keys: readonly number[]) =>
      keys.reduce((sum, key) => sum + Math.abs(rows[side].reduce((all, row, head) => all + row[key] * says[side][head][key], 0)), 0)
    this.unpaired = lost(0, unpaired_a) + lost(1, unpaired_b)
    const [mine, theirs] = [place, there].map(({ sequence, position }) => differenceOf(clean.logits(sequence, position), target, rivals))
    this.change = mine - theirs
    this.scores = new Float64Array(this.heads * this.width)
    this.otherPattern = new Float64Array(this.heads * this.slots)
    this.value = new Float64Array(this.heads * this.slots)
    for (let head = 0; head < this.heads; head++) {
      const scores = clean.scores(last, head, place.sequence, place.position)
      every.forEach((key, at) => (this.scores[head * this.width + at] = scores[key]))
      pairs.forEach(([key, other], slot) => {
        this.otherPattern[head * this.slots + slot] = rows[1][head][other]
        this.value[head * this.slots + slot] = (says[0][head][key] + says[1][head][other]) / 2
      })
    }
  }

  // The attention here, [head, key].
  get whole(): Float64Array {
    return this.once('whole', () => this.subject.kernel.softmax(this.scores, this.width))
  }

  // The same of slots, [head, slot].
  get pattern(): Float64Array {
    return this.once('pattern', () => this.ofSlots(this.whole))
  }

  // What the pattern makes of the change between the places, sum of (A_here - A_there) V.
  get makes(): number {
    return this.once('makes', () => this.value.reduce((sum, value, at) => sum + (this.pattern[at] - this.otherPattern[at]) * value, 0))
  }

  // That over the change; nan where there is next to none, of which shares would be the last bits.
  get share(): number {
    return Math.abs(this.change) > THRESHOLDS.change ? this.makes / this.change : NaN
  }

  // What a slot competes with, [head, slot]: the log of the others' summed exp(score), and what they say.
  get rest(): { log: Float64Array; says: Float64Array } {
    return this.once('rest', () => {
      const { heads, slots, width, scores, value } = this
      const [log, says] = [new Float64Array(heads * slots), new Float64Array(heads * slots)]
      for (let head = 0; head < heads; head++) {
        for (let slot = 0; slot < slots; slot++) {
          let [top, total, said] = [-Number.MAX_VALUE, 0, 0] // a slot alone competes with nothing
          for (let key = 0; key < width; key++) if (key !== slot) top = Math.max(top, scores[head * width + key])
          for (let key = 0; key < width; key++) {
            if (key === slot) continue
            const raised = Math.exp(scores[head * width + key] - top)
            total += raised
            if (key < slots) said += raised * value[head * slots + key]
          }
          log[head * slots + slot] = Math.log(total) + top
          says[head * slots + slot] = total > 0 ? said / total : 0
        }
      }
      return { log, says }
    })
  }

  // The attention here, [case, head, key], when scores of slots are lowered by as much, [case, head, slot].
  moved(lowered: Float64Array): Float64Array {
    const { slots, width, scores } = this
    const rows = lowered.length / slots
    const found = new Float64Array(rows * width)
    for (let row = 0; row < rows; row++) {
      found.set(scores.subarray((row % this.heads) * width, (row % this.heads) * width + width), row * width)
      for (let slot = 0; slot < slots; slot++) found[row * width + slot] -= lowered[row * slots + slot]
    }
    return this.subject.kernel.softmax(found, width)
  }

  // Which share of what the pattern makes is undone when scores of slots are lowered, by case.
  undone(lowered: Float64Array): number[] {
    const { heads, slots, width, pattern, value } = this
    const moved = this.moved(lowered)
    return Array.from({ length: lowered.length / (heads * slots) }, (_, nth) => {
      let change = 0
      for (let head = 0; head < heads; head++)
        for (let slot = 0; slot < slots; slot++)
          change += (pattern[head * slots + slot] - moved[(nth * heads + head) * width + slot]) * value[head * slots + slot]
      return change / this.makes
    })
  }

  // What is predicted here when scores of slots [head, slot] are lowered, all else as it is.
  logits(lowered: Float64Array): Float64Array {
    const { subject, last, heads, width, here } = this
    const { params, clean, problem } = subject
    const { d_model, d_vocab } = problem.shape
    const [every, moved] = [[...this.keys, ...this.alignment.unpaired_a], this.moved(lowered)]
    const written = new Float64Array(d_model)
    for (let head = 0; head < heads; head++) {
      const z = new Float64Array(clean.v(last, head, here.sequence, 0).length)
      every.forEach((key, at) => {
        addScaled(z, clean.v(last, head, here.sequence, key), moved[head * width + at] - this.whole[head * width + at])
      })
      const W_O = params.W_O(last, head)
      if (W_O) addProduct(written, z, W_O)
      else addScaled(written, z, 1)
    }
    const change = params.W_U ? addProduct(new Float64Array(d_vocab), written, params.W_U) : written
    return addScaled(clean.logits(here.sequence, here.position).slice(), change, 1)
  }

  private ofSlots(rows: Float64Array): Float64Array {
    const { heads, slots, width } = this
    return Float64Array.from({ length: heads * slots }, (_, at) => rows[Math.floor(at / slots) * width + (at % slots)])
  }
}

// What each value of the last layer says about a choice with a readout, [head][position].
function valuesOf({ params, clean, model, corpus, problem }: Subject, w: Float64Array, sequence: number): number[][] {
  const [last, { d_model }] = [model.n_layers - 1, problem.shape]
  return Array.from({ length: model.n_heads }, (_, head) => {
    const W_O = params.W_O(last, head)
    const rows = W_O ? W_O.length / d_model : 0
    const out = W_O ? Float64Array.from({ length: rows }, (_, row) => dot(W_O.subarray(row * d_model, (row + 1) * d_model), w)) : w
    return Array.from({ length: corpus.n_ctx }, (_, position) => dot(clean.v(last, head, sequence, position), out))
  })
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let at = 0; at < one.length; at++) sum += one[at] * other[at]
  return sum
}
