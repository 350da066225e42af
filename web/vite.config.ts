import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type UserConfig } from 'vite'
import { alone, bundled, packed, recorded, told } from './plugins.js'

// Everything goes into the Python package, and nothing is fetched when it runs. Two builds of the same page: the lab, one file, and with
// `--mode embed` one module with its style inside, for reports and notebooks, of which a notebook finds the code by what `--mode notebook`
// builds; with `--mode homework` one file with an assignment's questions beside the lab; with `--mode gallery` one
// file with the gallery's tasks. With `--mode bits` one file, which holds the kernel's bits in whatever browser opens it (tests/test_browsers.py).
const outDir = '../src/headlab/report/page'

const lab: UserConfig = {
  plugins: [svelte(), packed(), told(), bundled(), recorded(), alone()],
  build: {
    outDir,
    emptyOutDir: true,
    copyPublicDir: false,
    cssCodeSplit: false,
    modulePreload: false,
    rollupOptions: { input: 'headlab.html' },
  },
}

const embed: UserConfig = {
  plugins: [svelte({ compilerOptions: { css: 'injected' }, emitCss: false }), packed(), told(), bundled()],
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    outDir,
    emptyOutDir: false,
    copyPublicDir: false,
    rollupOptions: { input: 'src/embed.ts', preserveEntrySignatures: 'strict', output: { entryFileNames: 'embed.js' } },
  },
}

// The lab with the questions of an assignment, which is put into it (src/headlab/report/handout/).
const homework: UserConfig = {
  plugins: [svelte(), packed(), told(), bundled('src/homework/worker.ts'), alone()],
  build: { ...lab.build, emptyOutDir: false, rollupOptions: { input: 'homework.html' } },
}

// The tasks of the gallery, which are put into it (src/headlab/report/html/gallery.py): it trains the small ones itself, whatever their
// models have, so that it carries the whole kernel where other pages carry the lab's.
const gallery: UserConfig = {
  plugins: [svelte(), packed(), alone()],
  resolve: { alias: [{ find: /kernel-lab(?=\.(json|wasm))/, replacement: 'kernel' }] },
  build: { ...lab.build, emptyOutDir: false, rollupOptions: { input: 'gallery.html' } },
}

// What a notebook keeps with every view: little, as it keeps the views' code once (src/headlab/report/notebook/html.py).
const notebook: UserConfig = {
  build: {
    outDir,
    emptyOutDir: false,
    copyPublicDir: false,
    rollupOptions: {
      input: 'src/notebook.ts',
      preserveEntrySignatures: 'strict',
      output: { format: 'iife', name: 'headlabView', entryFileNames: 'notebook.js' },
    },
  },
}

const bits: UserConfig = {
  plugins: [packed(), alone()],
  build: { copyPublicDir: false, modulePreload: false, rollupOptions: { input: 'tests/kernel/bits.html' } },
}

export default defineConfig(({ mode }) => ({ embed, homework, gallery, notebook, bits })[mode] ?? lab)
