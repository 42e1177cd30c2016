/**
 * The house rules as a test: layers, sizes, banned calls, modules, dependencies. `node dist/tools/tidy.js` prints every breach with
 * what to do instead. The rules are in `docs/architecture.md` (layers) and `CONTRIBUTING.md` (the rest).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkDependencies } from './dependencies.ts'
import { checkCalls, checkWords } from './banned.ts'
import { checkCircles, checkLayers } from './layers.ts'
import { listFiles, readSources, type Breach, type Source } from './source.ts'

export interface TidyReport {
  readonly breaches: readonly Breach[]
  /** One line for the reader: how much was seen, how long functions are. */
  readonly summary: string
}

const fileLinesMax = 400
const functionLinesMax = 70
const functionLinesAim = 40
/** Fewer sources than this mean that the check looked in the wrong place. */
const sourcesMin = 30

/** Files that need a default export, with the reason. */
const defaultExportsAllowed: Readonly<Record<string, string>> = {
  'tools/reporter.ts': 'node:test loads a reporter by its default export',
}
/** What a package exports is listed in one file by design. */
const packageRoots = new Set(['client/src/index.ts'])

/** Tests, and the suites that several of them run: a list of cases may be long. */
const isTest = (path: string): boolean => /\.test\.ts$|\/(?:contract|testing)(?:-[\w-]+)?(?:\.ts$|\/)/.test(path)

export function checkSizes(source: Source): Breach[] {
  const lines = source.text.split('\n').length - 1
  const breaches: Breach[] = []
  if (lines > fileLinesMax) breaches.push({ where: `${source.path}:1`, what: `${lines} lines; split at ${fileLinesMax}` })
  if (isTest(source.path)) return breaches
  for (const { name, line, lines: length } of source.functions) {
    if (length > functionLinesMax) breaches.push({ where: `${source.path}:${line}`, what: `${name} has ${length} lines; split at ${functionLinesMax}` })
  }
  return breaches
}

export function checkModule(source: Source): Breach[] {
  const breaches: Breach[] = []
  const isEntry = packageRoots.has(source.path)
  if (/\bexport\s+default\b/.test(source.code) && !Object.hasOwn(defaultExportsAllowed, source.path)) {
    breaches.push({ where: source.path, what: 'default export; export a name' })
  }
  if (/\bexport\s*\*\s*from\b/.test(source.code) && !isEntry) breaches.push({ where: source.path, what: 'export * from; import from where it is' })
  const rest = source.code.replaceAll(/\b(?:export|import)\s+(?:type\s+)?\{[^}]*\}\s*from\s*(['"]) *\1/g, '')
  if (rest.trim() === '' && /\bfrom\b/.test(source.code) && !isEntry) breaches.push({ where: source.path, what: 'barrel file; import from where it is' })
  if (!isTest(source.path) && !/^(?:#!.*\n)?\s*\/[/*]/.test(source.text)) breaches.push({ where: `${source.path}:1`, what: 'no comment of purpose at the top' })
  return breaches
}

const exportedValue = /\bexport\s+(?:async\s+)?(?:const|let|function\*?|class)\s+([\w$]+)/g

/** Exported functions, constants and classes that no other file mentions. */
export function checkUnusedExports(sources: readonly Source[]): Breach[] {
  const mentions = new Map<string, number>()
  for (const { code } of sources) {
    for (const word of new Set(code.match(/[\w$]+/g))) mentions.set(word, (mentions.get(word) ?? 0) + 1)
  }
  return sources.flatMap(({ path, code }) => {
    if (path.startsWith('client/')) return []
    const names = [...code.matchAll(exportedValue)].map((match) => match[1] ?? '')
    const unused = names.filter((name) => (mentions.get(name) ?? 0) < 2)
    return unused.map((name) => ({ where: path, what: `${name} is exported but used in no other file; drop "export" or the thing itself` }))
  })
}

function summarise(sources: readonly Source[]): string {
  const lengths = sources.filter((source) => !isTest(source.path)).flatMap((source) => source.functions.map((f) => f.lines))
  const sorted = lengths.toSorted((a, b) => a - b)
  const long = sorted.filter((length) => length > functionLinesAim).length
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `${sources.length} sources, ${sorted.length} functions, median ${median} lines, ${long} above ${functionLinesAim}`
}

/** Checks the whole project at `root`. */
export function checkHouse(root: string): TidyReport {
  const files = listFiles(root)
  const sources = readSources(root, files.filter((path) => /^(?:src|client|bench|tools|compat)\/.*\.ts$/.test(path)))
  const breaches: Breach[] = [
    ...sources.flatMap((source) => [...checkLayers(source), ...checkSizes(source), ...checkCalls(source), ...checkModule(source)]),
    ...checkCircles(sources),
    ...checkUnusedExports(sources),
    ...files.flatMap((path) => checkWords(path, readFileSync(join(root, path), 'utf8'))),
    ...checkDependencies(root),
  ]
  if (sources.length < sourcesMin) breaches.push({ where: root, what: `only ${sources.length} sources seen; the check looks in the wrong place` })
  return { breaches, summary: summarise(sources) }
}

if (process.argv[1] === import.meta.filename) {
  const report = checkHouse(join(import.meta.dirname, '../..'))
  for (const { where, what } of report.breaches) process.stdout.write(`${where}: ${what}\n`)
  process.stdout.write(`${report.summary}, ${report.breaches.length} breaches\n`)
  process.exitCode = report.breaches.length > 0 ? 1 : 0
}
