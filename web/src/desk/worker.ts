// What a worker runs; and, where there can be none, the page's own thread, which leaves an end of a channel for it (place.ts).

import { works } from '../work/works'
import type { Answer } from './messages'
import { type Port, serve } from './serve'

const { headlabPort } = globalThis as { headlabPort?: MessagePort }
serve((headlabPort ?? self) as unknown as Port<Answer>, works)
