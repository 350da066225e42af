// From numbers to places in a drawing, and back.

type Span = readonly [from: number, to: number]

const between = ([from, to]: Span, share: number) => from + (to - from) * share
const shareOf = ([from, to]: Span, value: number) => (value - from) / (to - from || 1)

export interface Scale {
  (value: number): number
  invert(place: number): number
  ticks(about: number): number[] // round numbers, about so many
}

export function linear(domain: Span, range: Span): Scale {
  return Object.assign((value: number) => between(range, shareOf(domain, value)), {
    invert: (place: number) => between(domain, shareOf(range, place)),
    ticks: (about: number) => ticks(domain, about),
  })
}

export function logarithmic([low, high]: Span, range: Span): (value: number) => number {
  const scale = linear([Math.log(low), Math.log(high)], range)
  return (value) => scale(Math.log(value))
}

// Things side by side, as far from each other as from the two ends.
export function points<Thing>(things: readonly Thing[], [from, to]: Span, padding: number): (thing: Thing) => number {
  const step = (to - from) / Math.max(1, things.length - 1 + 2 * padding)
  return (thing) => from + (padding + things.indexOf(thing)) * step
}

function ticks([low, high]: Span, about: number): number[] {
  const rough = (high - low) / about
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.75) ?? 10)
  const count = Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1
  return Array.from({ length: count }, (_, nth) => Number(((Math.ceil(low / step - 1e-9) + nth) * step).toPrecision(12)))
}

// A path through points.
export const pathOf = (places: readonly Span[]) => places.map(([x, y], nth) => `${nth ? 'L' : 'M'}${x.toFixed(1)},${y.toFixed(1)}`).join('')
