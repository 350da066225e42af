import '../page.css'
import { mount } from 'svelte'
import packed from '../../../src/headlab/engine/kernel-lab.wasm?packed'
import { Kernel } from '../kernel/kernel'
import { unpack } from '../kernel/packed'
import { galleryIn } from './gallery'
import { Shown } from './gallery.svelte'
import Page from './Page.svelte'

const target = document.getElementById('page')!
const found = galleryIn(document)
let kernel: Promise<Kernel> | undefined // when the first task is trained

if (typeof found === 'string')
  target.replaceChildren(Object.assign(document.createElement('p'), { textContent: found, className: 'wrong' }))
else {
  const shown = new Shown(found, () => (kernel ??= unpack(packed).then((bytes) => Kernel.of(bytes))))
  shown.open(location.hash)
  mount(Page, { target, props: { shown } })
}
