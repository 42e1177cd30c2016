/**
 * What is kept between starts, in a folder beside the bundles. Each piece is bound by a hash to its own bytes and to those that it was made from: whatever is
 * stale or damaged is passed over and replaced. Whoever may write there could as well change the bundles; a folder for temporary files, where Node's
 * own cache would lie, is open to others.
 */
import { isAscii } from 'node:buffer'
import { createHash } from 'node:crypto'
import { accessSync, constants as modes, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Script } from 'node:vm'

export interface Loaded {
  exports: unknown
}

export type Require = (id: string) => unknown
export type Wrapper = (exports: unknown, require: Require, module: Loaded, path: string, folder: string) => void

/** Made from `sources`, and yet to be written. */
interface Unkept {
  readonly name: string
  readonly sources: readonly Uint8Array[]
  readonly make: () => Uint8Array
}

export interface Keeper {
  /** The function that a CommonJS file is, compiled or as it was kept. Throws when it cannot be read or is no script. */
  readonly compile: (path: string) => Wrapper
  /** What was kept under this name; null unless it was made from these sources. */
  readonly read: (name: string, sources: readonly Uint8Array[]) => Buffer | null
  /** To be kept under this name from `keep` on. */
  readonly replace: (unkept: Unkept) => void
  /** Writes all that is to be kept. */
  readonly keep: () => void
}

const digestLength = 32
const digestOf = (sources: readonly Uint8Array[], made: Uint8Array): Buffer => {
  const hash = createHash('sha256')
  for (const source of sources) hash.update(source)
  return hash.update(made).digest()
}

/** `suffix` sets apart what does not fit each other: versions of Node, options of V8. */
export function keeperIn(place: string, suffix: string): Keeper {
  const unkept: Unkept[] = []
  const fileOf = (name: string): string => join(place, `${name}-${suffix}`)
  const read: Keeper['read'] = (name, sources) => {
    try {
      const kept = readFileSync(fileOf(name))
      const made = kept.subarray(digestLength)
      return digestOf(sources, made).equals(kept.subarray(0, digestLength)) ? made : null
    } catch {
      return null
    }
  }
  return {
    read,
    replace: (one) => void unkept.push(one),
    compile(path) {
      const source = readFileSync(path)
      const name = nameOf(path)
      const code = read(name, [source])
      // A single character beyond ASCII doubles what V8 keeps of the text.
      const text = `(function (exports, require, module, __filename, __dirname) {${source.toString(isAscii(source) ? 'latin1' : 'utf8')}\n})`
      const script = new Script(text, code === null ? { filename: path } : { filename: path, cachedData: code })
      // V8 looks at the length of the source, its own version and options, and believes the rest.
      if (code === null || script.cachedDataRejected === true) unkept.push({ name, sources: [source], make: () => script.createCachedData() })
      return script.runInThisContext() as Wrapper
    },
    keep() {
      keepIn(place, unkept.splice(0).map(({ name, ...one }) => ({ ...one, file: fileOf(name) })))
    },
  }
}

const inPackage = /.*[/\\]node_modules[/\\]/

/** Bundles by their names, files of packages by their paths there. */
const nameOf = (path: string): string => (inPackage.test(path) ? path.replace(inPackage, '').replaceAll(/[/\\]/g, '+') : basename(path))

/** Where the folder is not ours to write, every start compiles. */
function keepIn(place: string, unkept: readonly (Omit<Unkept, 'name'> & { readonly file: string })[]): void {
  if (unkept.length === 0) return
  try {
    accessSync(dirname(place), modes.W_OK)
    mkdirSync(place, { recursive: true })
    for (const { file, sources, make } of unkept) {
      const made = make()
      writeWhole(file, [digestOf(sources, made), made])
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
