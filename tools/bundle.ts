/**
 * After the compiler: puts the command into `dist/coffer.mjs` and chunks beside it, one for each verb, so that a call reads only the
 * code that it runs. Packages stay where npm has put them.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const dist = join(import.meta.dirname, '..')
const chunks = 'chunks'

export async function bundle(): Promise<void> {
  rmSync(join(dist, chunks), { recursive: true, force: true })
  await build({
    entryPoints: { coffer: join(dist, 'src/cli/main.js') },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    chunkNames: `${chunks}/[name]-[hash]`,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    legalComments: 'none',
    logLevel: 'warning',
  })
}

if (process.argv[1] === import.meta.filename) await bundle()
