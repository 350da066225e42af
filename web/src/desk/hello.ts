// What a page must know before its first experiment, of the same tables that Python reads.

import told from '../../../src/headlab/analysis/words.json?told'
import { CONTROLS, FORK_FIELDS, NOTEBOOK } from '../config/experiment'
import settings from '../config/settings.json'
import type { Hello } from '../protocol'

export const hello: Hello = {
  kind: 'hello',
  id: 0,
  values: {
    notebook: NOTEBOOK,
    fields: CONTROLS,
    fork_fields: FORK_FIELDS,
    can: { train: true, try: true },
    palette: settings.palette,
    words: told,
  },
  arrays: {},
}
