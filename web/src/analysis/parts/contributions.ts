// What speaks for one token and against another: a logit difference as an exact sum over paths and source positions. With the pattern
// held fixed the model is linear in its embeddings; src/headlab/analysis/parts/contributions.py says how.

import { problem, Problems } from '../../errors'
import { type Head, type Path, pathsOf } from '../../model/paths'
import { shortRepr } from '../../notation/values'
import type { Place } from '../choice'
import { headName } from '../part'
import type { Subject } from '../subject'
import { along, compared } from './exact'

const MOST_PATHS = 2000

// The parts of logit(target) - mean logit(rivals) at one place.
export class Contributions {
  constructor(
    readonly place: Place,
    readonly paths: readonly Path[], // the heads each path passes
    readonly token: Float64Array, // [path, source]: what the token embedding at each source position gives along it
    readonly position: Float64Array, // and the position embedding
    readonly total: number, // the logit difference
  ) {}

  get sources(): number {
    return this.token.length / Math.max(1, this.paths.length)
  }

  // What the token embedding gives along the direct path, past all heads.
  get direct(): number {
    return this.past(this.token)
  }

  // And the position embedding.
  get positional(): number {
    return this.past(this.position)
  }

  // What comes from each source position through any head.
  get bySource(): Float64Array {
    const found = new Float64Array(this.sources)
    this.throughHeads((path, source, gives) => (found[source] += gives))
    return found
  }

  // What goes along each of `paths` but the direct one, in their order.
  get byPath(): Float64Array {
    const found = new Float64Array(this.paths.length)
    this.throughHeads((path, source, gives) => (found[path] += gives))
    return found.filter((_, path) => this.paths[path].length)
  }

  // What each head writes to the logits itself, along all paths that it is the last head of.
  get byLastHead(): { head: Head; gives: number }[] {
    const found = new Map<string, { head: Head; gives: number }>()
    const through = this.paths.filter((path) => path.length)
    this.byPath.forEach((gives, nth) => {
      const head = through[nth].at(-1)!
      const known = found.get(head.join('.')) ?? { head, gives: 0 }
      found.set(head.join('.'), { head, gives: known.gives + gives })
    })
    return [...found.values()].sort((one, other) => one.head[0] - other.head[0] || one.head[1] - other.head[1])
  }

  // Total less the sum of all listed parts: what paths that were not listed give, and rounding.
  get remainder(): number {
    const sum = (parts: Float64Array) => parts.reduce((all, part) => all + part, 0)
    return this.total - sum(this.token) - sum(this.position)
  }

  private past(parts: Float64Array): number {
    const direct = this.paths.findIndex((path) => !path.length)
    return direct < 0 ? 0 : parts.subarray(direct * this.sources, (direct + 1) * this.sources).reduce((sum, part) => sum + part, 0)
  }

  private throughHeads(add: (path: number, source: number, gives: number) => void) {
    const { sources } = this
    this.paths.forEach((heads, path) => {
      if (!heads.length) return
      for (let source = 0; source < sources; source++) {
        add(path, source, this.token[path * sources + source] + this.position[path * sources + source])
      }
    })
  }
}

export const pathName = (path: Path): string => path.map(([layer, head]) => headName(layer, head)).join(' → ') || 'direct'

// The exact parts at one place. maxHeads: paths through more heads are left to the remainder; by default all are listed, as long as
// they are no more than 2,000, and otherwise those through the fewest heads.
export function contributions(
  subject: Subject,
  place: Place,
  target: number,
  rivals: readonly number[],
  maxHeads: number | null = null,
): Contributions {
  const paths = pathsOf(subject.model, longest(subject, maxHeads))
  const { token, position } = along(subject, place, compared(subject.corpus.d_vocab, target, rivals), paths)
  const logits = subject.clean.logits(place.sequence, place.position)
  return new Contributions(place, paths, token, position, differenceOf(logits, target, rivals))
}

export const differenceOf = (logits: Float64Array, target: number, rivals: readonly number[]): number =>
  logits[target] - rivals.reduce((sum, rival) => sum + logits[rival], 0) / rivals.length

// w with logit(target) - mean over rivals of logit(rival) = resid · w.
export function readoutOf({ params, problem: { shape } }: Subject, target: number, rivals: readonly number[]): Float64Array {
  const { W_U } = params
  const { d_model, d_vocab } = shape
  if (!W_U) return compared(d_model, target, rivals)
  return Float64Array.from({ length: d_model }, (_, axis) =>
    differenceOf(W_U.subarray(axis * d_vocab, (axis + 1) * d_vocab), target, rivals),
  )
}

function longest({ model: { n_layers, n_heads, residual } }: Subject, maxHeads: number | null): number {
  if (maxHeads !== null) {
    if (Number.isInteger(maxHeads) && maxHeads >= 0) return maxHeads
    throw new Problems(problem(`max_heads must be a whole number from 0, got ${shortRepr(maxHeads)}`))
  }
  if (!residual) return n_layers
  let [count, ways] = [0, 1]
  for (let length = 0; length <= n_layers; length++) {
    count += ways
    if (count > MOST_PATHS) return length - 1
    ways = ((ways * (n_layers - length)) / (length + 1)) * n_heads
  }
  return n_layers
}
