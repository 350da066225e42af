// Trains the golden settings in workers and shows what came out, as JSON: `bits.html#few`, the first seeds alone; `#speed`, how long
// trainings take here.

import packed from '../../../src/headlab/engine/kernel.wasm?packed'
import { Kernel } from '../../src/kernel/kernel'
import { unpack } from '../../src/kernel/packed'
import { Remote } from '../../src/kernel/remote'
import KernelWorker from '../../src/kernel/worker?worker&inline'
import { FEW, hashed, MANY, seedsTo, SETTINGS } from './golden'
import { speeds } from './speed'

const wish = location.hash.slice(1)
const said = document.querySelector('#said')!

try {
  said.textContent = JSON.stringify(await (wish === 'speed' ? speed() : hashes(wish === 'few' ? FEW : MANY)))
} catch (error) {
  said.textContent = JSON.stringify({ error: String(error) })
}

async function hashes(count: number) {
  const kernel = await Kernel.of(await unpack(packed))
  const crew = Array.from({ length: Math.min(navigator.hardwareConcurrency, 8) }, () => new Remote(new KernelWorker(), kernel.module))
  const found: Record<string, string> = {}
  const left = [...SETTINGS]
  const work = async (remote: Remote) => {
    for (let setting = left.shift(); setting; setting = left.shift()) {
      const { name, problem, recipe } = setting
      const trained = await remote.train({ problem, recipe, seeds: seedsTo(count) }, ({ run_steps }) => {
        said.textContent = `${name}: ${run_steps} …`
      })
      found[name] = hashed(kernel, problem, trained.weights)
    }
  }
  await Promise.all(crew.map(work))
  return found
}

async function speed() {
  const began = performance.now()
  const bytes = await unpack(packed)
  const unpacked = performance.now()
  const kernel = await Kernel.of(bytes)
  kernel.lanes('float32')
  return { unpack: unpacked - began, instance: performance.now() - unpacked, ...(await speeds(kernel)) }
}
