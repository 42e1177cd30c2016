/**
 * Loads a package of many small files as Node does, but remembers which files it took: finding them, through the `package.json` of each package on the way,
 * takes Node longer than reading them, and it compiles them at each start. What was found is bound to the `package.json` of all packages that
 * had a part in it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import type { Keeper, Loaded, Require } from './kept.ts'

/** That `file` gets the file `target` for `require(id)`. */
interface Link {
  readonly file: string
  readonly id: string
  readonly target: string
}

interface Found {
  readonly main: string
  readonly links: readonly Link[]
}

const keyOf = (file: string, id: string): string => `${file}\t${id}`
const written = ({ main, links }: Found): string => [main, ...links.map(({ file, id, target }) => `${keyOf(file, id)}\t${target}`)].join('\n')

function read(text: string): Found {
  const [main = '', ...lines] = text.split('\n')
  return { main, links: lines.map((line) => line.split('\t')).map(([file = '', id = '', target = '']) => ({ file, id, target })) }
}

/** What the package `id` exports to a file at `from`. Each call runs it anew. */
export function loadPackage(id: string, from: string, keeper: Keeper): unknown {
  const native = createRequire(from)
  const found = readFound(id, from, keeper)
  if (found !== null) return runFound(found, keeper)
  const exported: unknown = native(id)
  try {
    noteFound(id, from, keeper)
  } catch {
    // Laid out in another way than npm does: Node looks for it at each start.
  }
  return exported
}

const nameOf = (id: string): string => `${id}.files`

/** Beside what is kept stands, line by line, which `package.json` files it was made from: they have to be read to know whether they are the same. */
function readFound(id: string, from: string, keeper: Keeper): Found | null {
  try {
    const index = keeper.read(`${nameOf(id)}.index`, [Buffer.from(from)])
    if (index === null) return null
    const sources = index.toString().split('\n').map((path) => readFileSync(path))
    const kept = keeper.read(nameOf(id), [index, ...sources])
    const found = kept === null ? null : read(kept.toString())
    return found !== null && [found.main, ...found.links.map(({ target }) => target)].every((path) => existsSync(path)) ? found : null
  } catch {
    return null
  }
}

function runFound({ main, links }: Found, keeper: Keeper): unknown {
  const targets = new Map(links.map(({ file, id, target }) => [keyOf(file, id), target]))
  const loaded = new Map<string, Loaded>()
  const load = (path: string): unknown => {
    const before = loaded.get(path)
    if (before !== undefined) return before.exports
    const module: Loaded = { exports: {} }
    loaded.set(path, module)
    const native = createRequire(path)
    const require: Require = (id) => {
      const target = targets.get(keyOf(path, id))
      return target === undefined ? (native(id) as unknown) : load(target)
    }
    // As Node calls it.
    Reflect.apply(keeper.compile(path), module.exports, [module.exports, Object.assign(require, native), module, path, dirname(path)])
    return module.exports
  }
  return load(main)
}

const isScript = (path: string): boolean => /\.c?js$/.test(path)

/** After Node has loaded it. */
function noteFound(id: string, from: string, keeper: Keeper): void {
  const native = createRequire(from)
  const main = native.resolve(id)
  const files = filesBelow(native.cache[main], new Set())
  const found = written({ main, links: [...files].flatMap((file) => linksOf(file, files)) })
  const descriptions = [...new Set([...files].map(descriptionOf))].toSorted()
  const index = Buffer.from(descriptions.join('\n'))
  keeper.replace({ name: `${nameOf(id)}.index`, sources: [Buffer.from(from)], make: () => index })
  keeper.replace({ name: nameOf(id), sources: [index, ...descriptions.map((path) => readFileSync(path))], make: () => Buffer.from(found) })
}

function filesBelow(module: NodeJS.Module | undefined, found: Set<string>): Set<string> {
  if (module === undefined || found.has(module.filename) || !isScript(module.filename)) return found
  found.add(module.filename)
  for (const child of module.children) filesBelow(child, found)
  return found
}

/** What is required by other words than a literal, Node looks for at each start. */
function linksOf(file: string, files: ReadonlySet<string>): Link[] {
  const native = createRequire(file)
  const ids = [...readFileSync(file, 'utf8').matchAll(/\brequire\((['"])([^'"\s]+)\1\)/g)].map(([, , id = '']) => id)
  return ids.flatMap((id) => {
    const target = resolved(native, id)
    return target !== null && files.has(target) ? [{ file, id, target }] : []
  })
}

function resolved(native: NodeJS.Require, id: string): string | null {
  try {
    return native.resolve(id)
  } catch {
    return null
  }
}

/** The `package.json` of the package that the file is in. */
function descriptionOf(file: string): string {
  const parts = file.split(sep)
  const at = parts.lastIndexOf('node_modules') + 1
  return join(parts.slice(0, at + (parts[at]?.startsWith('@') ? 2 : 1)).join(sep), 'package.json')
}
