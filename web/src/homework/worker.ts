// What a worker of a homework's page runs: what one of the lab does, and measuring.

import type { Answer } from '../desk/messages'
import { type Port, serve } from '../desk/serve'
import type { Quantities } from '../protocol'
import { about, works } from '../work/works'
import { factsFrame } from './measured'

const { headlabPort } = globalThis as { headlabPort?: MessagePort }
const measured = about((recording, { more }) => factsFrame(recording, more as Quantities))
serve((headlabPort ?? self) as unknown as Port<Answer>, { ...works, measured })
