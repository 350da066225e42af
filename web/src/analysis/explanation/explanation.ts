// The explanation of a run: its mechanism, a sentence a dependency, and the numbers that each word rests on.

import { type Choice, choiceOf, dependenciesOf } from '../choice'
import type { Dependency } from '../../data/dependencies'
import { Lazily } from '../lazily'
import { MEANINGS, mechanismOf, MIXED, spreadOf } from '../parts/mechanism'
import type { Subject } from '../subject'
import { Evidence } from './evidence'
import { RunRecord } from './record'

const KEPT = 64 // places whose evidence is kept: of thousands it would fill the memory

export class Explanation extends Lazily {
  constructor(
    readonly subject: Subject,
    readonly name: string | number, // what the run is called
    readonly asked: readonly (Dependency | Choice)[],
  ) {
    super()
  }

  // What is measured at one of the places.
  evidence(number: number): Evidence {
    const measured = () => new Evidence(this.subject, choiceOf(this.subject, this.asked[number]))
    return number < KEPT ? this.once(`evidence ${number}`, measured) : measured()
  }

  get mechanism(): string {
    return this.once('mechanism', () => mechanismOf(this.subject, this.mechanisms))
  }

  // What that mechanism is, in words; where dependencies are coded in different ways, how many of them in which.
  get meaning(): string {
    const spread = this.mechanism === MIXED ? spreadOf(this.mechanisms) : ''
    return spread || MEANINGS[this.mechanism]
  }

  // One record a place.
  get records(): readonly RunRecord[] {
    return this.first(this.asked.length)
  }

  // The records of the first few places.
  first(most: number): readonly RunRecord[] {
    return this.asked.slice(0, most).map((_, number) => this.record(number))
  }

  record(number: number): RunRecord {
    const made = () => new RunRecord(this.evidence(number))
    return number < KEPT ? this.once(`record ${number}`, made) : made()
  }

  // Mechanism, sentences and records as plain data; most: how many places at most, the rest is counted.
  toDict(most = this.asked.length) {
    const { name, mechanism, meaning, asked } = this
    const dependencies = this.first(most).map((record) => record.toDict())
    const left = asked.length - dependencies.length
    return { run: name, mechanism, meaning, dependencies, ...(left && { left_out: left }) }
  }

  private get mechanisms(): string[] {
    return this.once('mechanisms', () => this.asked.map((_, number) => this.evidence(number).mechanism))
  }
}

// Explain a run: by default every dependency of the corpus that what it sees settles; throws where there is none.
export const explain = (subject: Subject, name: string | number, asked: readonly (Dependency | Choice)[] = dependenciesOf(subject)) =>
  new Explanation(subject, name, asked)
