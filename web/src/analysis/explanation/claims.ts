// What attribution alone claims about edges and sources, before anybody intervenes; tests hold the claims against ablation.
//
// With the pattern of later layers held fixed, every token's logit is linear in what heads read. Taking edges away moves all logits by what
// would be read in their place less what is read now; under the mask that is, with A the weights of a query in one head,
//
//     sum over other keys of A v / (1 - A of the masked key)   less   sum over all keys of A v
//
// A part is claimed
//
//     necessary    when the target, which is the single most likely token, no longer is in any ablation that is possible
//     irrelevant   when `Effects.changesNothing` will say so: neither the answer, nor its probability, nor what speaks for it
//
// For edges of the last layer the claim is exact; for earlier ones later patterns may react, which is what the test is for.

import type { Choice, Place } from '../choice'
import { BETWEEN, IRRELEVANT, NECESSARY, nameOf, type Part } from '../part'
import type { Subject } from '../subject'
import { cleanLogits, Effects, Prediction } from '../trials/effects'
import { KINDS, type Way, ways } from '../trials/ways'
import { add, addProduct, addScaled, identity, product } from '../vectors'

// What attribution foretells of taking edges or sources away: what `ablate` measures, without a forward pass.
export function claims(subject: Subject, choice: Choice, parts: readonly Part[]): Effects {
  const { corpus, model } = subject
  const { d_vocab, vocabulary } = corpus
  const every = ways(subject, choice, parts).flat()
  const items = every.flatMap((some, cell) => some.map((item) => ({ cell, item })))
  const clean = cleanLogits(subject, [choice.place])
  const layers = Array.from({ length: model.n_layers }, (_, layer) => new Reads(subject, choice, layer))
  const after = new Float64Array(items.length * d_vocab)
  items.forEach(({ item }, nth) => {
    const logits = after.subarray(nth * d_vocab, (nth + 1) * d_vocab)
    logits.set(clean)
    for (const reads of layers) reads.change(item, logits)
  })
  const [before, found] = [clean, after].map((logits) => Prediction.each(subject, logits, choice))
  const names = parts.map((part) => nameOf(part, corpus, choice.place.sequence))
  const cells = items.map(({ cell }) => cell)
  return new Effects(choice, names, KINDS, vocabulary, before, found, cells, parts)
}

// What ablations say of every part: `necessary`, `irrelevant` or `between`.
export function verdicts({ before, choice: { target }, winners, changesNothing }: Effects): string[] {
  const only = (tokens: readonly number[]) => tokens.length === 1 && tokens[0] === target
  return winners.map((kinds, group) => {
    const tried = kinds.filter((now) => now.length > 0)
    if (only(before[0].winners) && tried.length && !tried.some(only)) return NECESSARY
    return changesNothing[group] ? IRRELEVANT : BETWEEN
  })
}

// What the heads of one layer read for a choice, as all tokens' logits there, seen through everything behind them.
class Reads {
  private readonly row: number
  private readonly positions: number[] // of the sentence
  private readonly heads: number[]
  private readonly queries: number[] // of the last layer only the place itself is read
  private readonly behind: Float64Array[] // by position: what a vector that is written there adds to every logit [d_model, d_vocab]
  private masked?: Float64Array[][][]

  constructor(
    private readonly subject: Subject,
    { place }: Choice,
    private readonly layer: number,
  ) {
    this.row = place.sequence
    this.positions = [...Array(subject.corpus.lengths[place.sequence]).keys()]
    this.heads = [...Array(subject.model.n_heads).keys()]
    this.queries = layer === subject.model.n_layers - 1 ? [place.position] : this.positions
    this.behind = behind(subject, place, layer)
  }

  // Move the logits by what an ablation changes through this layer.
  change(item: Way, logits: Float64Array) {
    const { kind, layer, head, query, position } = item.part
    if (layer !== null && layer !== this.layer) return
    const heads = kind === 'edge' && head !== null ? [head] : this.heads
    for (const at of kind === 'edge' ? this.queries.filter((other) => other === query) : this.queries) {
      if (item.kind === 'mask') for (const of of heads) add(logits, this.withoutEach(of, at)[position!])
      else {
        const written = new Float64Array(this.subject.problem.shape.d_model)
        for (const of of heads) add(written, this.written(of, this.replaced(item, of, at, position!)))
        addProduct(logits, written, this.behind[at])
      }
    }
  }

  // What a head reads from a key with an edge replaced, less what it reads now.
  private replaced({ kind, donor }: Way, head: number, query: number, key: number): Float64Array {
    const { tokens } = this.subject.corpus
    const found = new Float64Array(this.value(head, this.row, key).length)
    const read = (row: number, at: number, from: number, weight: number) =>
      addScaled(found, this.value(head, row, from), weight * this.subject.clean.pattern(this.layer, head, row, at)[from])
    read(this.row, query, key, -1)
    if (donor) {
      const [at, from] = [donor.positions[query], donor.positions[key]]
      if (at >= 0 && from >= 0) read(donor.sequence, at, from, 1)
    } else if (kind === 'mean') {
      const real = [...tokens.keys()].filter((row) => tokens[row][query] >= 0 && tokens[row][key] >= 0)
      for (const row of real) read(row, query, key, 1 / real.length)
    }
    return found
  }

  // By how much the logits move where one key is masked for a query of a head, by key.
  private withoutEach(head: number, query: number): Float64Array[] {
    const known = ((this.masked ??= [])[head] ??= [])
    return (known[query] ??= this.eachMasked(head, query))
  }

  private eachMasked(head: number, query: number): Float64Array[] {
    const weights = this.subject.clean.pattern(this.layer, head, this.row, query)
    const { d_vocab } = this.subject.corpus
    const values = this.positions.map((key) =>
      addProduct(new Float64Array(d_vocab), this.written(head, this.value(head, this.row, key)), this.behind[query]),
    )
    const sum = (of: Float64Array) => values.reduce((all, value, key) => addScaled(all, value, of[key]), new Float64Array(d_vocab))
    const now = sum(weights)
    // At most half of the weight is any other key's: only without the largest one is 1 - A too small to divide by.
    const top = weights.indexOf(Math.max(...weights))
    return values.map((value, key) => {
      if (key === top) return addScaled(sum(this.without(head, query, top)), now, -1)
      return now.map((given, token) => (given - weights[key] * value[token]) / (1 - weights[key]) - given)
    })
  }

  // The weights of a query with one key masked.
  private without(head: number, query: number, key: number): Float64Array {
    const { clean, model, kernel } = this.subject
    const scores = clean.scores(this.layer, head, this.row, query)
    const others = this.positions.filter((at) => at !== key && !(model.causal && at > query))
    const shares = kernel.softmax(
      Float64Array.from(others, (at) => scores[at]),
      others.length,
    )
    const weights = new Float64Array(this.positions.length)
    others.forEach((at, nth) => (weights[at] = shares[nth]))
    return weights
  }

  private value(head: number, row: number, position: number): Float64Array {
    return this.subject.clean.v(this.layer, head, row, position)
  }

  // What is read, as the head writes it.
  private written(head: number, read: Float64Array): Float64Array {
    const W_O = this.subject.params.W_O(this.layer, head)
    return W_O ? addProduct(new Float64Array(this.subject.problem.shape.d_model), read, W_O) : read
  }
}

// What a vector written by a layer at each position adds to every logit at a place, pattern held fixed: [d_model, d_vocab] each.
function behind({ clean, corpus, model, params, problem }: Subject, place: Place, layer: number): Float64Array[] {
  const { d_model, d_vocab } = problem.shape
  const nothing = () => new Float64Array(d_model * d_vocab)
  let found: Float64Array[] = Array.from({ length: corpus.lengths[place.sequence] }, nothing)
  found[place.position] = params.W_U ?? identity(d_model)
  for (let later = model.n_layers - 1; later > layer; later--) {
    const through = found.map((onward) => (model.residual ? onward.slice() : nothing()))
    for (let head = 0; head < model.n_heads; head++) {
      const [W_V, W_O] = [params.W_V(later, head), params.W_O(later, head)]
      found.forEach((onward, query) => {
        const pattern = clean.pattern(later, head, place.sequence, query)
        const given = W_O ? product(W_O, onward, d_model) : onward
        const written = product(W_V, given, given.length / d_vocab)
        through.forEach((sum, key) => addScaled(sum, written, pattern[key]))
      })
    }
    found = through
  }
  return found
}
