// Trains the golden settings in workers and shows what came out, as JSON: `bits.html#few`, the first seeds alone; `#speed`, how long
// trainings take here.

import packed from '../../../src/headlab/engine/kernel-lab.wasm?packed'
import { Kernel } from '../../src/kernel/kernel'
import { unpack } from '../../src/kernel/packed'
import type { Asked } from './bits.worker'
import BitsWorker from './bits.worker?worker&inline'
import { FEW, MANY, SETTINGS } from './golden'
import { speeds } from './speed'

const wish = location.hash.slice(1)
const said = document.querySelector('#said')!

try {
  said.textContent = JSON.stringify(await (wish === 'speed' ? speed() : hashes(wish === 'few' ? FEW : MANY)))
} catch (error) {
  said.textContent = JSON.stringify({ error: String(error) })
}

async function hashes(count: number) {
  const { module } = await Kernel.of(await unpack(packed))
  const found: Record<string, string> = {}
  const left = SETTINGS.map((_, nth) => nth)
  const work = async (worker: Worker) => {
    for (let nth = left.shift(); nth !== undefined; nth = left.shift()) {
      said.textContent = `${SETTINGS[nth].name} …`
      found[SETTINGS[nth].name] = await answerOf(worker, { module, nth, count })
    }
  }
  await Promise.all(Array.from({ length: Math.min(navigator.hardwareConcurrency, 8) }, () => work(new BitsWorker())))
  return found
}

function answerOf(worker: Worker, asked: Asked): Promise<string> {
  return new Promise((take, fail) => {
    worker.onmessage = ({ data }: MessageEvent<string>) => take(data)
    worker.onerror = ({ message }) => fail(new Error(message))
    worker.postMessage(asked)
  })
}

async function speed() {
  const began = performance.now()
  const bytes = await unpack(packed)
  const unpacked = performance.now()
  const kernel = await Kernel.of(bytes)
  kernel.lanes('float32')
  return { unpack: unpacked - began, instance: performance.now() - unpacked, ...(await speeds(kernel)) }
}
