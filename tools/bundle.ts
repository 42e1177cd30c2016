/**
 * After the compiler: puts the command into `dist/coffer.cjs` and the server that it starts into `dist/server.mjs`. One file for the
 * command, because each further one costs a millisecond at every call; verbs in it are still evaluated only when they run.
 * Packages stay where npm has put them.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'

const dist = join(import.meta.dirname, '..')
const serverMain = join(dist, 'src/server/main.js')

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  packages: 'external',
  legalComments: 'none',
  logLevel: 'warning',
}

/** The server is a module of its own: its modules find their workers by `import.meta.url`, and no other verb needs them. */
const serverApart: Plugin = {
  name: 'server-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/server\/main\.js$/ }, () => ({ path: './server.mjs', external: true }))
  },
}

async function bundle(): Promise<void> {
  await build({
    ...common,
    entryPoints: [join(dist, 'src/cli/main.js')],
    outfile: join(dist, 'coffer.cjs'),
    format: 'cjs',
    minify: true,
    plugins: [serverApart],
  })
  if (!existsSync(serverMain)) return
  await build({ ...common, entryPoints: [serverMain], outfile: join(dist, 'server.mjs'), format: 'esm', sourcemap: 'linked' })
}

await bundle()
