// The module as tests have it.

import { vi } from 'vitest'
import packed from '../../../src/headlab/engine/kernel-lab.wasm?packed'
import { Kernel } from '../../src/kernel/kernel'
import { unpack } from '../../src/kernel/packed'

vi.setConfig({ testTimeout: 60_000 }) // milliseconds, on a busy machine

export const kernel = await Kernel.of(await unpack(packed))
