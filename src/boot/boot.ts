/**
 * Loads the bundles, and keeps what V8 made of them: compiled code lies in `compiled/` beside them, so that a start compiles nothing. It is made by the
 * first process that finds none which fits this Node and these bundles, and is bound to their bytes and its own by a hash: whatever is stale or damaged is
 * passed over and replaced. Whoever may write there could as well change the bundles; a folder for temporary files, where Node's own cache
 * would lie, is open to others.
 */
import { createHash } from 'node:crypto'
import { accessSync, constants as modes, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'

interface Loaded {
  readonly exports: unknown
}

/** A script whose compiled code is to be kept in `file`. */
interface Unkept {
  readonly script: Script
  readonly source: Buffer
  readonly file: string
}

/** Packages that most servers never use: loaded when something of them is first asked for. `yaml` alone is seventy files. */
const rarelyUsed = new Set(['ldapts', 'yaml'])

/** Processes that run for longer keep their code after this time, by which they have done what a start is: milliseconds. */
const settledMs = 10_000
const digestLength = 32
const digestOf = (source: Uint8Array, code: Uint8Array): Buffer => createHash('sha256').update(source).update(code).digest()

export interface Boot {
  /** What the bundle of this name exports; each is run once. */
  readonly load: (name: string) => unknown
  /** Writes the code of all bundles for which none was there that fits. */
  readonly keep: () => void
}

/**
 * Loads bundles (CommonJS, ASCII) out of `folder`; `role` sets apart processes that run with other options of V8, whose code does not fit
 * each other. Bundles reach each other by `require('./NAME.cjs')`.
 */
export function bootIn(folder: string, role: string): Boot {
  const loaded = new Map<string, Loaded>()
  const unkept: Unkept[] = []
  const place = join(folder, 'compiled')
  const load = (name: string): unknown => {
    const found = loaded.get(name)
    if (found !== undefined) return found.exports
    const module = { exports: {} }
    loaded.set(name, module)
    const path = join(folder, name)
    const native = createRequire(path)
    const outside = (id: string): unknown => (rarelyUsed.has(id) ? whenAsked(() => native(id) as object) : native(id))
    const run = compile(path, join(place, `${name}-${role}-${process.version}-${process.arch}`), unkept)
    run(module.exports, (id: string): unknown => (id.startsWith('./') ? load(id.slice(2)) : outside(id)), module, path, dirname(path))
    return module.exports
  }
  return { load, keep: () => keepIn(place, unkept.splice(0)) }
}

/** Bundles take what they import from the object of a package at the moment of its use. */
function whenAsked(load: () => object): object {
  let loaded: object | null = null
  return new Proxy({}, { get: (_, name) => Reflect.get((loaded ??= load()), name) as unknown })
}

type Wrapper = (exports: object, require: (id: string) => unknown, module: Loaded, path: string, folder: string) => void

function compile(path: string, file: string, unkept: Unkept[]): Wrapper {
  const source = readFileSync(path)
  const code = readKept(file, source)
  const text = `(function (exports, require, module, __filename, __dirname) {${source.toString('latin1')}\n})`
  const script = new Script(text, code === null ? { filename: path } : { filename: path, cachedData: code })
  if (code === null || script.cachedDataRejected === true) unkept.push({ script, source, file })
  return script.runInThisContext() as Wrapper
}

/** V8 looks at the length of the source, its own version and options, and believes the rest. */
function readKept(file: string, source: Buffer): Buffer | null {
  try {
    const kept = readFileSync(file)
    const code = kept.subarray(digestLength)
    return digestOf(source, code).equals(kept.subarray(0, digestLength)) ? code : null
  } catch {
    return null
  }
}

/** Where the folder is not ours to write, every start compiles. */
function keepIn(place: string, unkept: readonly Unkept[]): void {
  if (unkept.length === 0) return
  try {
    accessSync(dirname(place), modes.W_OK)
    mkdirSync(place, { recursive: true })
    for (const { script, source, file } of unkept) {
      const code = script.createCachedData()
      writeWhole(file, [digestOf(source, code), code])
    }
  } catch {
    // A full disk, a folder of somebody else: nothing is lost but time.
  }
}

/** Under a name of this process first: who reads meanwhile finds the old file or the new one. */
function writeWhole(file: string, parts: readonly Uint8Array[]): void {
  const own = `${file}.${process.pid}`
  try {
    writeFileSync(own, Buffer.concat(parts), { flag: 'wx', mode: 0o644 })
    renameSync(own, file)
  } catch (error) {
    rmSync(own, { force: true })
    throw error
  }
}

/** The bundle `name` of the folder that this file is in. What it exports. */
export function start(name: string, role: string): unknown {
  const boot = bootIn(import.meta.dirname, role)
  const exported = boot.load(name)
  process.once('exit', boot.keep)
  setTimeout(boot.keep, settledMs).unref()
  return exported
}
