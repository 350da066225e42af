// What a worker runs. `import Worker from './worker?worker&inline'` makes one of a Blob, which works from file://, too.

import { type Answer, type Port, serve } from './serve'

serve(self as unknown as Port<Answer>)
