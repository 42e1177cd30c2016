/**
 * After the compiler: takes away what it made of sources that are gone, puts the command into `dist/coffer.cjs`, the server that it starts into
 * `dist/server.mjs`, and its workers into `dist/worker-main.mjs`. Packages stay where npm has put them.
 *
 * Node spends a millisecond on every 40 KB that it parses and on every further file, at each call. So the verbs that scripts call
 * stand in `coffer.cjs`; all other modules that are imported on demand are in `coffer-more.cjs`, and share those that the first file has.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build, type BuildOptions, type BuildResult, type Plugin } from 'esbuild'
import { listFiles } from './source.ts'

const dist = join(import.meta.dirname, '..')
const serverMain = join(dist, 'src/server/main.js')

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  packages: 'external',
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions

const commandOptions = { ...common, format: 'cjs', minify: true, metafile: true } as const satisfies BuildOptions

/** What is imported on demand, and still belongs into the first file. */
const hotVerbs = ['delete', 'kv/delete', 'kv/get', 'kv/list', 'kv/put', 'list', 'login', 'print-token', 'read', 'status', 'unwrap', 'write']
const hot = new Set([...hotVerbs.map((verb) => `src/cli/verbs/${verb}.js`), 'src/cli/saved-token.js', 'src/cli/describe-failure.js'])

const nameOf = (path: string): string => relative(dist, path).replaceAll('\\', '/')
const requires = (names: readonly string[]): string =>
  names.map((name) => `${JSON.stringify(name)}: () => require(${JSON.stringify(`./${name}`)}),`).join('\n')
const entry = (contents: string): BuildOptions['stdin'] & object => ({ contents, resolveDir: dist, loader: 'js' })

/** The server is a program of its own: no other verb needs a line of it. */
const serverApart: Plugin = {
  name: 'server-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/server\/main\.js$/ }, () => ({ path: './server.mjs', external: true }))
  },
}

/** Modules imported on demand come out of the second file; their names are gathered in `cold`. */
const coldApart = (cold: Set<string>): Plugin => ({
  name: 'cold-apart',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ kind, path, resolveDir }) => {
      const name = nameOf(join(resolveDir, path))
      if (kind !== 'dynamic-import' || hot.has(name)) return undefined
      cold.add(name)
      return { path: name, namespace: 'cold' }
    })
    onLoad({ filter: /.*/, namespace: 'cold' }, ({ path }) => ({
      contents: `module.exports = require('./coffer-more.cjs')[${JSON.stringify(path)}]()`,
      resolveDir: dist,
    }))
    onResolve({ filter: /^\.\/coffer-more\.cjs$/ }, ({ path }) => ({ path, external: true }))
  },
})

/** Modules of the first file are taken from there, so that there is one of each. */
const hotShared = (shared: ReadonlySet<string>): Plugin => ({
  name: 'hot-shared',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const name = nameOf(join(resolveDir, path))
      return shared.has(name) ? { path: name, namespace: 'hot' } : undefined
    })
    onLoad({ filter: /.*/, namespace: 'hot' }, ({ path }) => ({
      contents: `module.exports = require('./coffer.cjs').modules[${JSON.stringify(path)}]()`,
      resolveDir: dist,
    }))
    onResolve({ filter: /^\.\/coffer\.cjs$/ }, ({ path }) => ({ path, external: true }))
  },
})

async function bundleCommand(): Promise<void> {
  const cold = new Set<string>()
  const plugins = [serverApart, coldApart(cold)]
  const start = "require('./src/cli/main.js')"
  const first = await build({ ...commandOptions, stdin: entry(start), write: false, plugins })
  const shared = modulesIn(first)
  const exported = `exports.modules = {\n${requires(shared)}\n}\n`
  await build({ ...commandOptions, stdin: entry(exported + start), outfile: join(dist, 'coffer.cjs'), plugins })
  await build({
    ...commandOptions,
    stdin: entry(`module.exports = {\n${requires([...cold].toSorted())}\n}`),
    outfile: join(dist, 'coffer-more.cjs'),
    plugins: [serverApart, hotShared(new Set(shared))],
  })
}

/** The compiled modules that went into a bundle. */
const modulesIn = ({ metafile }: BuildResult<{ metafile: true }>): string[] =>
  Object.keys(metafile.inputs)
    .map((path) => nameOf(join(process.cwd(), path)))
    .filter((name) => /^(?:src|client)\//.test(name) && name !== 'src/cli/main.js')

/** The supervisor of workers loads only what it needs: the rest is in files that all of them share. */
async function bundleServer(): Promise<void> {
  if (!existsSync(serverMain)) return
  for (const name of readdirSync(dist)) if (/^server-.*\.mjs\b/.test(name)) rmSync(join(dist, name))
  await build({
    ...common,
    entryPoints: { server: serverMain, 'worker-main': join(dist, 'src/server/workers/worker-main.js') },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'server-[hash]',
    splitting: true,
    format: 'esm',
    sourcemap: 'linked',
  })
}

/** The compiler never deletes: without this a test that was removed would still run. */
function removeOrphans(): void {
  const compiled = listFiles(dist).filter((path) => path.endsWith('.js'))
  for (const path of compiled) if (!existsSync(join(dist, '..', path.replace(/\.js$/, '.ts')))) rmSync(join(dist, path))
}

removeOrphans()
await Promise.all([bundleCommand(), bundleServer()])
