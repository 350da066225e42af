import { measure } from '../../../src/homework/quantities'
import type { Quantity } from '../../../src/homework/table'
import type { Twin } from '../twin'

// Of every quantity that Python was asked.
export function said({ subject, finalLoss, twins, number }: Twin) {
  const asked = (twins.line.said.homework as unknown as { quantity: Quantity }[][])[number]
  return asked.map(({ quantity }) => ({ quantity, ...measure(quantity, { subject, finalLoss }) }))
}
