// The evidence about one choice: what is predicted, what gives what, and what trials show; each is measured when it is asked for.

import { type Choice, equallyHard, otherOf, type Place } from '../choice'
import { Lazily } from '../lazily'
import { HAIR_LOGITS, leadOf, TIE } from '../looking/predictions'
import { type Coding, coding } from '../parts/coding'
import { type Contributions, contributions } from '../parts/contributions'
import { eye, type EyeRecord } from '../parts/eye'
import { leadAt, mechanismOfChoice, toldApart } from '../parts/mechanism'
import type { Subject } from '../subject'
import { ablate } from '../trials/ablation'
import { type Effects, Prediction } from '../trials/effects'
import { patch } from '../trials/patching'
import { claims, verdicts } from './claims'

const PATCHED = ['pattern', 'v']

export class Evidence extends Lazily {
  constructor(
    readonly subject: Subject,
    readonly choice: Choice,
  ) {
    super()
  }

  // What the model predicts at the choice's place, for and against the choice's tokens.
  get here(): Prediction {
    return this.once('here', () => this.prediction(this.choice.place))
  }

  // What it predicts at the other place, where the rival is right; null where there is none.
  get there(): Prediction | null {
    const other = otherOf(this.choice)
    return this.once('there', () => other && this.prediction(other))
  }

  // The pattern's row at the place, of the positions that its sentence has.
  attention(layer: number, head: number): number[] {
    const { sequence, position } = this.choice.place
    return Array.from(this.subject.clean.pattern(layer, head, sequence, position).subarray(0, this.subject.corpus.lengths[sequence]))
  }

  // The exact attribution.
  get contributions(): Contributions {
    const { place, target, rivals } = this.choice
    return this.once('contributions', () => contributions(this.subject, place, target, rivals))
  }

  // What became of the choice when each part was taken away.
  get ablations(): Effects {
    return this.once('ablations', () => ablate(this.subject, this.choice))
  }

  // What attribution claims about every source position that the place sees, before any intervention.
  get sourceClaims(): string[] {
    const sources = this.ablations.parts.filter(({ kind }) => kind === 'source')
    return this.once('sourceClaims', () => verdicts(claims(this.subject, this.choice, sources)))
  }

  // What ablation says of every part: `necessary`, `irrelevant` or `between`.
  get findings(): string[] {
    return this.once('findings', () => verdicts(this.ablations))
  }

  // Pattern and values exchanged with the other sentence, both ways; null without one that fits: patching goes position by position.
  get patches(): Effects | null {
    const { subject, choice } = this
    const [{ place }, other, { lengths }] = [choice, otherOf(choice), subject.corpus]
    if (other === null || other.sequence === place.sequence || other.position !== place.position) return null
    if (!subject.model.causal && lengths[place.sequence] !== lengths[other.sequence]) return null
    return this.once('patches', () => patch(subject, choice, PATCHED))
  }

  // The coding split between the places; null without an other place.
  get coding(): Coding | null {
    return this.once('coding', () => coding(this.subject, this.choice))
  }

  // The mechanism of this choice.
  get mechanism(): string {
    return this.once('mechanism', () => {
      const split = toldApart(this.subject, this.choice) ? this.coding : null // else nobody reads it
      return mechanismOfChoice(this.subject, this.choice, split)
    })
  }

  // What draws the eye, where the pattern decides; null where nothing is named.
  get eye(): EyeRecord | null {
    return this.once('eye', () => eye(this.subject, this.choice))
  }

  // By how many logits the target leads the strongest other token; below 0 where it is behind.
  get lead(): number {
    return leadAt(this.subject, this.choice)
  }

  // The same of what is right at the other place; nan where there is none, or nothing that is seen settles it.
  get otherLead(): number {
    const [other, { corpus, clean, setting }] = [otherOf(this.choice), this.subject]
    if (other === null || !setting.resolvable[other.sequence][other.position]) return NaN
    return leadOf(clean.logits(other.sequence, other.position), corpus.targets[other.sequence][other.position])
  }

  // Whether the current token alone tells all probabilities.
  get same(): boolean {
    return this.subject.goesByTokenAlone(this.token)
  }

  // The strongest tokens but the target, all that are equal to 1e-9.
  get runnersUp(): number[] {
    const { logits } = this.here
    const others = [...logits.keys()].filter((token) => token !== this.choice.target)
    const least = Math.max(...others.map((token) => logits[token])) - TIE
    return others.filter((token) => logits[token] >= least)
  }

  // What is right at the hardest other place, of equally hard ones at each; nothing where there is none.
  get rightThere(): number[] {
    const { others } = this.choice
    if (!others.length) return []
    const { targets } = this.subject.corpus
    const hard = equallyHard(this.subject, this.choice)
    return [...new Set(others.filter((_, number) => hard[number]).map(({ sequence, position }) => targets[sequence][position]))]
  }

  // Whether there is little to explain: wherever the place's token stands, all its targets are within half a logit.
  //
  // |logit(target) - logit(alternative)| < 0.5 for every alternative, at every place with the same token
  get little(): boolean {
    const { subject, choice } = this
    const { target, rivals, alternatives } = choice
    return subject.setting.placesOf(this.token).every(({ sequence, position }) => {
      const logits = subject.clean.logits(sequence, position)
      return (alternatives.length ? alternatives : rivals).every((other) => Math.abs(logits[target] - logits[other]) < HAIR_LOGITS)
    })
  }

  private get token(): number {
    const { sequence, position } = this.choice.place
    return this.subject.corpus.tokens[sequence][position]
  }

  private prediction({ sequence, position }: Place): Prediction {
    const { subject, choice } = this
    return new Prediction(subject.clean.logits(sequence, position), choice.target, choice.rivals, () =>
      subject.probabilitiesAt(sequence, position),
    )
  }
}
