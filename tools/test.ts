/**
 * `npm test`: lint, house rules, then every test file. Prints a line for each file and every failure in full at the end, and
 * says how many passed. With CI=true a skipped test is a failure.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { listFiles } from './source.ts'
import { killRunning, runTestFiles, type FileResult } from './test-files.ts'
import { checkHouse } from './tidy.ts'

const help = `Usage: npm test -- [options] [FILTER...]

Runs lint, the house rules and all tests; with FILTER only the test files whose path contains one of the texts.

  --slow          also *.slow.test.ts, which take minutes, and what tests tell of themselves
  --name PATTERN  only tests whose name matches
  --jobs N        test files at a time (default: one for each core, between 2 and 4)
`

const root = join(import.meta.dirname, '../..')
const dist = join(root, 'dist')
const timeLimitSeconds = 480
const slowTimeLimitSeconds = 3600
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Each returns the failures as texts. */
function lint(): string[] {
  const folders = ['src', 'client', 'bench', 'tools', 'compat']
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--config=oxlint.json', '--quiet', '--format=unix', ...folders], { cwd: root, encoding: 'utf8' })
  say(status === 0 ? 'lint         ok' : 'lint         FAILED')
  return status === 0 ? [] : [`${stdout ?? ''}${stderr ?? 'oxlint is not installed: npm install'}`.trim()]
}

function tidy(): string[] {
  const { breaches, summary } = checkHouse(root)
  say(`house rules  ${breaches.length === 0 ? 'ok' : 'FAILED'} (${summary})`)
  return breaches.map(({ where, what }) => `${where}: ${what}`)
}

function findTestFiles(filters: readonly string[], slow: boolean): string[] {
  const files = listFiles(dist).filter((path) => path.endsWith('.test.js') && (slow || !path.endsWith('.slow.test.js')))
  const wanted = filters.map((filter) => filter.replace(/\.ts$/, '.js').replace(/^\.\//, ''))
  const chosen = files.filter((path) => wanted.length === 0 || wanted.some((filter) => path.includes(filter)))
  // The longest first, so that the last process is not left alone with them.
  const rank = (path: string): number => (path.startsWith('compat/') ? 0 : /^src\/(?:cli|server)\//.test(path) ? 1 : 2)
  return chosen.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).map((path) => join(dist, path))
}

const nameOf = (path: string): string => relative(dist, path).replace(/\.js$/, '.ts')

interface Count {
  readonly passed: number
  readonly failures: readonly string[]
  readonly skips: readonly string[]
}

function countFile({ path, results, problems, output }: FileResult): Count {
  const where = (name: string, line?: number): string => `${nameOf(path)}${line === undefined ? '' : `:${line}`} > ${name}`
  const tests = results.filter((result) => !result.isSuite || result.failure !== undefined)
  const failures = tests.flatMap(({ name, failure }) => (failure === undefined ? [] : [`${where(name)}\n${failure}`]))
  const skips = results.flatMap(({ name, skip }) => (skip === undefined ? [] : [`${where(name)}: ${skip}`]))
  failures.push(...problems.map((problem) => `${nameOf(path)}: ${problem}`))
  if (failures.length > 0 && output.trim() !== '') failures.push(`${nameOf(path)} printed:\n${output.trim()}`)
  return { passed: tests.filter((test) => test.failure === undefined && test.skip === undefined).length, failures, skips }
}

function printFile(result: FileResult, tellsNotes: boolean): void {
  const { passed, failures, skips } = countFile(result)
  const seconds = (result.milliseconds / 1000).toFixed(1).padStart(6)
  const notes = [failures.length > 0 ? 'FAILED' : '', skips.length > 0 ? `${skips.length} skipped` : ''].filter(Boolean).join(', ')
  say(`${seconds} s ${String(passed).padStart(5)} passed  ${nameOf(result.path)}${notes ? `  ${notes}` : ''}`)
  if (tellsNotes) for (const note of result.notes) say(`           ${note}`)
}

function report(counts: readonly Count[], houseFailures: readonly string[]): boolean {
  const inCI = process.env['CI'] === 'true'
  const failures = [...houseFailures, ...counts.flatMap((count) => count.failures)]
  const skips = counts.flatMap((count) => count.skips)
  if (failures.length > 0) say(`\nFailures:\n\n${failures.join('\n\n')}`)
  if (skips.length > 0) say(`\nSkipped${inCI ? ' (a failure here, because CI=true)' : ''}:\n${skips.map((skip) => `  ${skip}`).join('\n')}`)
  const passed = counts.reduce((sum, count) => sum + count.passed, 0)
  say(`\n${passed} passed, ${failures.length} failed, ${skips.length} skipped`)
  return failures.length === 0 && !(inCI && skips.length > 0)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { slow: { type: 'boolean', default: false }, name: { type: 'string' }, jobs: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) return say(help)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
  process.on('exit', killRunning)
  const house = positionals.length === 0 && values.name === undefined ? [...lint(), ...tidy()] : []
  const files = findTestFiles(positionals, values.slow)
  if (files.length === 0) house.push(`no test file matches ${positionals.join(' ') || 'in dist; run npm run build'}`)
  const jobs = values.jobs === undefined ? Math.min(4, Math.max(2, availableParallelism())) : Math.max(1, Number(values.jobs) || 1)
  const results = await runTestFiles(files, {
    jobs,
    namePattern: values.name,
    timeLimitSeconds: values.slow ? slowTimeLimitSeconds : timeLimitSeconds,
    onResult: (result) => printFile(result, values.slow),
  })
  process.exitCode = report(results.map(countFile), house) ? 0 : 1
}

await main()
