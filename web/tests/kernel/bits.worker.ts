// Trains the golden settings that it is told, one after the other, and answers with their hashes.

import { Kernel } from '../../src/kernel/kernel'
import { hashed, seedsTo, SETTINGS, train } from './golden'

export interface Asked {
  module: WebAssembly.Module
  nth: number // of the settings
  count: number // of seeds
}

onmessage = ({ data: { module, nth, count } }: MessageEvent<Asked>) => {
  const kernel = new Kernel(module)
  postMessage(hashed(kernel, SETTINGS[nth].problem, train(kernel, SETTINGS[nth], seedsTo(count)).weights))
}
