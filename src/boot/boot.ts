/**
 * Loads the bundles, and keeps what V8 made of them: compiled code lies in `compiled/` beside them, so that a start compiles nothing. It is made by the
 * first process that finds none which fits this Node and these bundles.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { keeperIn, type Loaded } from './kept.ts'
import { loadPackage } from './package.ts'

/**
 * Packages and parts of Node that most servers never use, or not before they serve: loaded when something of them is first asked for. `yaml` alone is
 * seventy files.
 */
const rarelyUsed = new Set(['ldapts', 'yaml', 'node:dgram', 'node:dns', 'node:https', 'node:tls', 'node:worker_threads', 'node:zlib'])

/** Packages of many files that every server loads. */
const manyFiles = new Set(['lmdb'])

/** Processes that run for longer keep their code after this time, by which they have done what a start is: milliseconds. */
const settledMs = 10_000

export interface Boot {
  /** What the bundle of this name exports; each is run once. */
  readonly load: (name: string) => unknown
  /** Writes the code of all bundles for which none was there that fits. */
  readonly keep: () => void
}

/**
 * Loads bundles (CommonJS) out of `folder`; `role` sets apart processes that run with other options of V8, whose code does not fit
 * each other. Bundles reach each other by `require('./NAME.cjs')`.
 */
export function bootIn(folder: string, role: string): Boot {
  const loaded = new Map<string, Loaded>()
  const packages = new Map<string, unknown>()
  const keeper = keeperIn(join(folder, 'compiled'), `${role}-${process.version}-${process.arch}`)
  const packed = (id: string, path: string): unknown => {
    if (!packages.has(id)) packages.set(id, loadPackage(id, path, keeper))
    return packages.get(id)
  }
  const load = (name: string): unknown => {
    const found = loaded.get(name)
    if (found !== undefined) return found.exports
    const module: Loaded = { exports: {} }
    loaded.set(name, module)
    const path = join(folder, name)
    const native = createRequire(path)
    const require = (id: string): unknown => {
      if (id.startsWith('./')) return load(id.slice(2))
      if (manyFiles.has(id)) return packed(id, path)
      return rarelyUsed.has(id) ? whenAsked(() => native(id) as object) : native(id)
    }
    keeper.compile(path)(module.exports, require, module, path, dirname(path))
    return module.exports
  }
  return { load, keep: keeper.keep }
}

/** Bundles take what they import from the object of a package at the moment of its use; who copies all of it has it loaded. */
function whenAsked(load: () => object): object {
  let loaded: object | null = null
  const whole = (): object => (loaded ??= load())
  return new Proxy({}, {
    get: (_, name) => Reflect.get(whole(), name) as unknown,
    ownKeys: () => Reflect.ownKeys(whole()),
    getOwnPropertyDescriptor(_, name) {
      const found = Reflect.getOwnPropertyDescriptor(whole(), name)
      return found && { ...found, configurable: true }
    },
  })
}

/** The bundle `name` of the folder that this file is in. What it exports. */
export function start(name: string, role: string): unknown {
  const boot = bootIn(import.meta.dirname, role)
  const exported = boot.load(name)
  process.once('exit', boot.keep)
  setTimeout(boot.keep, settledMs).unref()
  return exported
}
