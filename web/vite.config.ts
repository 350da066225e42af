import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type UserConfig } from 'vite'

// Everything goes into the Python package, and nothing is fetched when it runs. Two builds of the same views: the lab's page,
// and with `--mode embed` one module with its style inside, for reports and notebooks.
const outDir = '../src/headlab/report/page'

const lab: UserConfig = {
  plugins: [svelte()],
  base: './',
  build: {
    outDir,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { output: { entryFileNames: 'assets/[name]-[hash].js', assetFileNames: 'assets/[name]-[hash][extname]' } },
  },
}

const embed: UserConfig = {
  plugins: [svelte({ compilerOptions: { css: 'injected' }, emitCss: false })],
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    outDir,
    emptyOutDir: false,
    copyPublicDir: false,
    rollupOptions: { input: 'src/embed.ts', preserveEntrySignatures: 'strict', output: { entryFileNames: 'embed.js' } },
  },
}

export default defineConfig(({ mode }) => (mode === 'embed' ? embed : lab))
