// Every setting of the page, in one table: its words, its control, its range. The server's names and defaults.

import type { Fields, Value } from './protocol'

export interface Field {
  name: string
  label: string
  help: string
  kind: 'slider' | 'number' | 'choice' | 'switch' | 'text'
  low?: number
  high?: number // of the slider; more can be typed
  log?: boolean
  choices?: [Value, string][]
  none?: string // what an empty number means
  when?: (fields: Fields) => boolean
}

export const FIELDS: Field[] = [
  {
    name: 'd_head',
    label: 'd_head',
    help: 'Width of queries and keys: the notebook’s head size.',
    kind: 'slider',
    low: 1,
    high: 160,
    log: true,
  },
  { name: 'learning_rate', label: 'learning rate', help: 'How far one step goes.', kind: 'slider', low: 0.0001, high: 10, log: true },
  {
    name: 'optimizer',
    label: 'optimiser',
    help: 'How a gradient becomes a step; Keras’ definitions.',
    kind: 'choice',
    choices: [
      ['sgd', 'SGD'],
      ['rmsprop', 'RMSprop'],
      ['adam', 'Adam'],
      ['adamw', 'AdamW'],
    ],
  },
  {
    name: 'momentum',
    label: 'momentum',
    help: 'How much of the last step goes on.',
    kind: 'slider',
    low: 0,
    high: 0.99,
    when: (fields) => fields.optimizer === 'sgd' || fields.optimizer === 'rmsprop',
  },
  {
    name: 'weight_decay',
    label: 'weight decay',
    help: 'How fast weights shrink.',
    kind: 'slider',
    low: 0,
    high: 0.1,
    when: (fields) => fields.optimizer === 'adamw',
  },
  { name: 'steps', label: 'steps', help: 'How many times all sentences are seen.', kind: 'slider', low: 20, high: 20000, log: true },
  {
    name: 'schedule',
    label: 'schedule',
    help: 'Reduced on a plateau (the notebook’s: not in the first and last ten steps), or constant.',
    kind: 'choice',
    choices: [
      ['plateau', 'reduced on a plateau'],
      ['constant', 'constant'],
    ],
  },
  {
    name: 'loss',
    label: 'loss',
    help: 'What training makes small: on the logits (the notebook’s), or on sigmoid outputs divided by their sum.',
    kind: 'choice',
    choices: [
      ['softmax', 'softmax'],
      ['normalized_sigmoid', 'normalised sigmoid'],
    ],
  },
  { name: 'n_heads', label: 'heads', help: 'Attention heads in a layer.', kind: 'slider', low: 1, high: 8 },
  { name: 'n_layers', label: 'layers', help: 'Layers of attention.', kind: 'slider', low: 1, high: 4 },
  { name: 'residual', label: 'residual', help: 'Whether each layer adds to the stream instead of replacing it.', kind: 'switch' },
  { name: 'positions', label: 'positions', help: 'Whether the model knows where a token stands.', kind: 'switch' },
  { name: 'causal', label: 'causal mask', help: 'Whether a position sees only what comes before it.', kind: 'switch' },
  { name: 'factored_values', label: 'W_V · W_O', help: 'Values through d_head numbers instead of one full matrix.', kind: 'switch' },
  { name: 'unembed', label: 'W_U', help: 'A learned unembedding instead of the residual stream as logits.', kind: 'switch' },
  {
    name: 'd_model',
    label: 'd_model',
    help: 'Width of the residual stream; empty: as many as there are tokens.',
    kind: 'number',
    low: 1,
    high: 512,
    none: 'd_vocab',
    when: (fields) => fields.unembed === true,
  },
  { name: 'init_scale', label: 'initial scale', help: 'A factor on every initial weight.', kind: 'slider', low: 0.05, high: 20, log: true },
]
