/** Replays recordings against a server and reports where its answers differ. As a command: `node dist/compat/replay.js --help`. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compare, emptyComparison, type Comparison } from './compare.ts'
import { findMissing, readEnvironment, takeCaptures, type RecordedStep, type Recording, type Values } from './scenario.ts'
import { send } from './send.ts'
import { projectRoot, startBareServer, startDevServer, type TestServer } from './server.ts'

export interface StepResult extends Comparison {
  readonly title: string
}

const recordings = join(projectRoot, 'compat/recordings')

export const listRecordings = (): string[] => readdirSync(recordings).map((file) => file.replace(/\.json$/, ''))

export const readRecording = (name: string): Recording => JSON.parse(readFileSync(join(recordings, `${name}.json`), 'utf8')) as Recording

/** Environment variables that a recording needs and that are not set. */
function findUnset(recording: Recording): string[] {
  const environment = readEnvironment(recording.steps)
  return Object.keys(environment).filter((name) => environment[name] === undefined)
}

async function replayStep(step: RecordedStep, values: Values): Promise<StepResult> {
  const failed = (diff: string): StepResult => ({ title: step.title, ...emptyComparison(), diffs: [diff] })
  const missing = findMissing(step, values)
  for (const name of Object.keys(step.capture ?? {})) values[name] = undefined
  if (missing.length > 0) return failed(`capture missing: ${missing.join(', ')}`)
  try {
    const answer = await send(step, values)
    const report = compare(step, answer, values)
    takeCaptures(step, answer, values)
    return { title: step.title, ...report }
  } catch (error) {
    return failed(`no answer: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Sends all steps of a recording, in order, to a server of their own. */
export async function replay(recording: Recording, server: Pick<TestServer, 'addr' | 'token'>): Promise<StepResult[]> {
  const values: Values = { ...readEnvironment(recording.steps), addr: server.addr, root: server.token }
  const results: StepResult[] = []
  for (const step of recording.steps) results.push(await replayStep(step, values))
  return results
}

const help = `Usage: node dist/compat/replay.js [options] [NAME...]

Sends the recorded requests to a fresh server for each scenario and compares the answers. Keys that only our answer has, and
other wordings of errors and warnings, are counted but are no failures. COFFER_TEST_SERVER chooses another server.

  --addr URL     use this running server instead
  --token TOKEN  its root token (default: root)
  -v             list extra keys, other wordings and every difference
`

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function print(name: string, results: readonly StepResult[], verbose: boolean): void {
  const sum = (kind: keyof Comparison): number => results.reduce((count, result) => count + result[kind].length, 0)
  const passed = results.filter((result) => result.diffs.length === 0).length
  say(`${name.padEnd(20)} ${`${passed}/${results.length}`.padStart(8)}   texts differ ${sum('texts')}, extra keys ${sum('extra')}`)
  for (const { title, diffs, texts, extra } of results) {
    const shown = verbose ? diffs : diffs.slice(0, 3)
    const notes = verbose ? [...texts, ...(extra.length > 0 ? [`extra: ${extra.join(', ')}`] : [])] : []
    if (shown.length + notes.length > 0) say(`  ${diffs.length > 0 ? 'FAIL' : 'note'} ${title}`)
    for (const line of [...shown, ...notes]) say(`       ${line}`)
  }
}

async function replayNamed(name: string, running: Pick<TestServer, 'addr' | 'token'> | null): Promise<StepResult[]> {
  const recording = readRecording(name)
  if (running) return replay(recording, running)
  const server = recording.bare ? await startBareServer() : await startDevServer()
  return replay(recording, server).finally(() => server.stop())
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      addr: { type: 'string' },
      token: { type: 'string', default: 'root' },
      verbose: { type: 'boolean', short: 'v', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return say(help)
  const running = values.addr === undefined ? null : { addr: values.addr, token: values.token }
  const all: StepResult[] = []
  for (const name of positionals.length > 0 ? positionals : listRecordings()) {
    const unset = findUnset(readRecording(name))
    if (unset.length > 0) say(`${name.padEnd(20)} skipped, needs ${unset.join(', ')} in the environment`)
    else {
      const results = await replayNamed(name, running)
      print(name, results, values.verbose)
      all.push(...results)
    }
  }
  const failed = all.filter((result) => result.diffs.length > 0).length
  say(`${all.length - failed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

if (process.argv[1] === import.meta.filename) await main()
