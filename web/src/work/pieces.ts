// What is found at once, or in pieces between which something else may be done; a piece says the share that is done, or nothing.

export type Pieces<Found> = Found | Generator<number | void, Found>

export function* piecesOf<Found extends object>(found: Pieces<Found>): Generator<number | void, Found> {
  return 'next' in found ? yield* found : found
}

// All of it in one go.
export function ended<Found extends object>(found: Pieces<Found>): Found {
  if (!('next' in found)) return found
  for (;;) {
    const { done, value } = found.next()
    if (done) return value
  }
}
