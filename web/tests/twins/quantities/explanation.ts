import type { Twin } from '../twin'

export const said = ({ explanation }: Twin) => (typeof explanation === 'string' ? null : explanation.toDict())
