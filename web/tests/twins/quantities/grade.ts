import type { Twin } from '../twin'

export const said = ({ subject: { solved, grade } }: Twin) => ({ solved, grade })
