/**
 * After the compiler: takes away what it made of sources that are gone, and bundles three programs of two files each: what is needed at once, and all modules
 * that are imported on demand, which share those of the first file. The command is `coffer.cjs` and `coffer-more.cjs`; the server `server.cjs`, all
 * that a supervisor loads, and `server-more.cjs`, in which its workers begin. `boot.cjs` loads them. Packages stay where npm has put them.
 *
 * Node spends a millisecond on every 40 KB that it parses and on every further file, at each call.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build, type BuildOptions, type BuildResult, type Plugin } from 'esbuild'
import { listFiles } from './source.ts'

const dist = join(import.meta.dirname, '..')

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  packages: 'external',
  // Packages that are loaded on demand, ES modules too, are required: a script that imports has to name a loader, which Node calls experimental.
  supported: { 'dynamic-import': false },
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
} as const satisfies BuildOptions

interface Program {
  readonly name: string
  /** The module in which it begins. */
  readonly main: string
  /** Modules that are imported on demand, and still belong into the first file. */
  readonly hot: readonly string[]
  /** Modules of the second file in which other processes begin. */
  readonly entries: readonly string[]
  readonly options: BuildOptions
}

const hotVerbs = ['delete', 'kv/delete', 'kv/get', 'kv/list', 'kv/put', 'list', 'login', 'print-token', 'read', 'server', 'status', 'unwrap', 'write']
const command: Program = {
  name: 'coffer',
  main: 'src/cli/main.js',
  hot: [...hotVerbs.map((verb) => `src/cli/verbs/${verb}.js`), 'src/cli/saved-token.js', 'src/cli/describe-failure.js'],
  entries: [],
  options: { minify: true },
}
const workerMain = 'src/server/workers/worker-main.js'
/** Names stay as they are, and lines short: its log names functions and places. */
const server: Program = { name: 'server', main: 'src/server/main.js', hot: ['src/server/workers/supervise.js', 'src/server/lock-storage.js'], entries: [workerMain], options: { sourcemap: 'linked', minifyWhitespace: true, lineLimit: 160 } }

const nameOf = (path: string): string => relative(dist, path).replaceAll('\\', '/')
const requires = (names: readonly string[]): string =>
  names.map((name) => `${JSON.stringify(name)}: () => require(${JSON.stringify(`./${name}`)}),`).join('\n')
const entry = (contents: string): BuildOptions['stdin'] & object => ({ contents, resolveDir: dist, loader: 'js' })
const withUrl: BuildOptions = {
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href" },
}

/** The server is a program of its own: no other verb needs a line of it. */
const serverApart: Plugin = {
  name: 'server-apart',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\/server\/main\.js$/ }, ({ kind }) => (kind === 'dynamic-import' ? { path: 'server', namespace: 'server' } : undefined))
    onLoad({ filter: /.*/, namespace: 'server' }, () => ({ contents: "module.exports = require('./server.cjs')", resolveDir: dist }))
    onResolve({ filter: /^\.\/server\.cjs$/ }, ({ path }) => ({ path, external: true }))
  },
}

/** Modules imported on demand come out of the second file; their names are gathered in `cold`. */
const coldApart = ({ name: program, hot }: Program, cold: Set<string>): Plugin => ({
  name: 'cold-apart',
  setup({ onLoad, onResolve }) {
    const file = `./${program}-more.cjs`
    onResolve({ filter: /^\.{1,2}\// }, ({ kind, path, resolveDir }) => {
      if (path === file) return { path, external: true }
      const name = nameOf(join(resolveDir, path))
      if (kind !== 'dynamic-import' || hot.includes(name)) return undefined
      cold.add(name)
      return { path: name, namespace: 'cold' }
    })
    onLoad({ filter: /.*/, namespace: 'cold' }, ({ path }) => ({ contents: `module.exports = require('${file}')[${JSON.stringify(path)}]()`, resolveDir: dist }))
  },
})

/** Modules of the first file are taken from there, so that there is one of each. Name by name, into variables: what esbuild makes of a whole module looks each name up at each use. */
const hotShared = ({ name: program }: Program, shared: ReadonlyMap<string, readonly string[]>): Plugin => ({
  name: 'hot-shared',
  setup({ onLoad, onResolve }) {
    const file = `./${program}.cjs`
    onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      if (path === file) return { path, external: true }
      const name = nameOf(join(resolveDir, path))
      return shared.has(name) ? { path: name, namespace: 'hot' } : undefined
    })
    onLoad({ filter: /.*/, namespace: 'hot' }, ({ path }) => ({ contents: `export const { ${shared.get(path)?.join(', ')} } = require('${file}').modules[${JSON.stringify(path)}]()`, resolveDir: dist }))
  },
})

/** Engines that nearly every server has. All others are loaded when something but the name of one is first asked for: a mount of its type does. */
const usual = new Set(['cubbyhole', 'kv-v1', 'kv-v2'].map((name) => `src/engines/${name}/index.js`))
const enginesLate: Plugin = {
  name: 'engines-late',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\/index\.js$/ }, ({ importer, path, resolveDir }) => {
      const name = nameOf(join(resolveDir, path))
      return nameOf(importer) === 'src/engines/list.js' && !usual.has(name) ? { path: name, namespace: 'late' } : undefined
    })
    onLoad({ filter: /.*/, namespace: 'late' }, async ({ path }) => ({ contents: lateModule(path, (await import(join(dist, path))) as Record<string, object>), resolveDir: dist }))
  },
}

/** A module that exports objects like those of the module at `path`, which have its texts, and load it for all else. */
function lateModule(path: string, exported: Readonly<Record<string, object>>): string {
  const objects = Object.entries(exported).map(([name, object]) => {
    const properties = Object.entries(object).map(([key, value]) => {
      if (typeof value === 'string') return `${key}: ${JSON.stringify(value)}`
      // Of what was never loaded there is nothing to let go.
      return key === 'release' ? 'release: async () => void (await loaded?.release())' : `get ${key}() { return load().${key} }`
    })
    return `export const ${name} = Object.freeze({ ${properties.join(', ')} })`
  })
  if (objects.length !== 1) throw new Error(`${path}: an engine is the only thing that its index.ts exports`)
  return `let loaded = null\nconst load = () => (loaded ??= require('./${path}').${Object.keys(exported)[0]})\n${objects[0]}`
}

/** The names that these modules export. */
async function exportsOf(modules: readonly string[]): Promise<Map<string, readonly string[]>> {
  const entryPoints = modules.map((name) => ({ in: join(dist, name), out: name.replace(/\.js$/, '') }))
  const { metafile } = await build({ entryPoints, outdir: dist, write: false, format: 'esm', metafile: true, logLevel: 'warning' })
  return new Map(Object.entries(metafile.outputs).map(([path, { exports }]) => [nameOf(join(process.cwd(), path)), exports]))
}

async function bundle(program: Program): Promise<void> {
  const { name, main, entries } = program
  const options = { ...withUrl, ...program.options, ...common }
  const cold = new Set<string>(entries)
  const plugins = [serverApart, coldApart(program, cold)]
  const start = `Object.assign(exports, require('./${main}'))`
  const shared = modulesIn(await build({ ...options, sourcemap: false, stdin: entry(start), write: false, plugins }), main)
  await build({ ...options, stdin: entry(`exports.modules = {\n${requires(shared)}\n}\n${start}`), outfile: join(dist, `${name}.cjs`), plugins })
  await build({
    ...options,
    stdin: entry(`module.exports = {\n${requires([...cold].toSorted())}\n}`),
    outfile: join(dist, `${name}-more.cjs`),
    plugins: [serverApart, enginesLate, hotShared(program, await exportsOf(shared))],
  })
}

/** The compiled modules that went into a bundle, but for the one in which it begins. */
const modulesIn = ({ metafile }: BuildResult<{ metafile: true }>, main: string): string[] =>
  Object.keys(metafile.inputs)
    .map((path) => nameOf(join(process.cwd(), path)))
    .filter((name) => /^(?:src|client)\//.test(name) && name !== main)

/** What loads the bundles, and the file that processes of workers run. */
async function bundleBoot(): Promise<void> {
  const paths: BuildOptions = { define: { 'import.meta.dirname': '__dirname' }, minify: true }
  await build({ ...common, ...paths, entryPoints: [join(dist, 'src/boot/boot.js')], outfile: join(dist, 'boot.cjs') })
  await build({ ...common, minify: true, entryPoints: [join(dist, 'src/server/workers/fork.js')], outfile: join(dist, 'fork.cjs') })
  const worker = `require('./boot.cjs').start('server-more.cjs', 'worker')[${JSON.stringify(workerMain)}]()\n`
  writeFileSync(join(dist, 'worker-main.cjs'), worker)
  // Loaded by nobody but processes of their own, each of which holds a token.
  await build({ ...common, ...withUrl, entryPoints: [join(dist, 'src/crypto/pkcs11/token-process.js')], outfile: join(dist, 'token-process.cjs') })
}

/** The compiler never deletes: without this a test that was removed would still run. */
function removeOrphans(): void {
  const compiled = listFiles(dist).filter((path) => path.endsWith('.js'))
  for (const path of compiled) if (!existsSync(join(dist, '..', path.replace(/\.js$/, '.ts')))) rmSync(join(dist, path))
}

removeOrphans()
rmSync(join(dist, 'compiled'), { recursive: true, force: true })
await Promise.all([bundle(command), bundle(server), bundleBoot()])
