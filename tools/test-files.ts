/**
 * Runs test files, each in a process (and process group) of its own, a few at a time. A file fails when a test fails, when it
 * has no test, when it does not end by itself, and when a process that it started outlives it.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Note, TestResult } from './reporter.ts'

export interface FileResult {
  readonly path: string
  readonly results: readonly TestResult[]
  /** What its tests told. */
  readonly notes: readonly string[]
  /** What is wrong with the file as a whole. */
  readonly problems: readonly string[]
  /** What its processes printed, the end of it. */
  readonly output: string
  readonly milliseconds: number
}

export interface RunOptions {
  /** Processes at a time. */
  readonly jobs: number
  /** A file that takes longer is killed. */
  readonly timeLimitSeconds: number
  /** Only tests whose name matches this pattern. */
  readonly namePattern?: string | undefined
  readonly onResult: (result: FileResult) => void
}

const outputMax = 20_000
/** Set for everything that a test file starts, so that what stays behind can be found wherever it went. */
const marker = 'COFFER_TEST_RUN'
const running = new Set<number>()

/** Kills the process groups of all test files that still run. */
export function killRunning(): void {
  for (const pid of running) killProcess(-pid)
}

/** Kills a process, or a whole group where `pid` is negative. */
function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // ended by itself meanwhile
  }
}

interface Left {
  readonly pid: number
  readonly command: string
}

const readProcessFile = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return '' // ended meanwhile, or another user's
  }
}

/** What is left of a run, where /proc shows it (Linux): processes of its group, and those that carry its marker. */
function findLeft(group: number, run: string): Left[] {
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []
  const isLeft = (pid: string): boolean => {
    const [state, , processGroup] = readProcessFile(pid, 'stat').replace(/^.*\) /s, '').split(' ')
    if (state === undefined || state === 'Z' || state === 'X') return false // ended, only not yet waited for
    return Number(processGroup) === group || readProcessFile(pid, 'environ').split('\0').includes(`${marker}=${run}`)
  }
  const commandOf = (pid: string): string => readProcessFile(pid, 'cmdline').replaceAll('\0', ' ').trim().slice(0, 200)
  return pids.filter(isLeft).map((pid) => ({ pid: Number(pid), command: commandOf(pid) }))
}

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds))

/** Kills what a test file left behind and names it. Elsewhere than on Linux it is killed, but not seen. */
async function reap(group: number, run: string): Promise<string[]> {
  let left = findLeft(group, run)
  for (let tries = 0; left.length > 0 && tries < 10; tries++) {
    await pause(50)
    left = findLeft(group, run)
  }
  for (const { pid } of left) killProcess(pid)
  killProcess(-group)
  return left.map(({ command }) => `left a process behind: ${command}`)
}

function readReport(path: string): (TestResult | Note)[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as TestResult | Note)
  } catch {
    return [] // ended before the reporter wrote anything; the exit code tells
  }
}

function argumentsOf(path: string, resultFile: string, namePattern: string | undefined): string[] {
  const reporter = join(import.meta.dirname, 'reporter.js')
  const named = namePattern === undefined ? [] : [`--test-name-pattern=${namePattern}`]
  return ['--enable-source-maps', ...named, `--test-reporter=file://${reporter}`, `--test-reporter-destination=${resultFile}`, path]
}

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly timedOut: boolean
}

function runProcess(args: readonly string[], run: string, timeLimitSeconds: number): Promise<Ended & { readonly pid: number }> {
  return new Promise((resolve, reject) => {
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env // a node:test above us must not change how this one reports
    const env = { ...inherited, [marker]: run }
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env })
    const pid = child.pid ?? 0
    if (pid) running.add(pid)
    let output = ''
    let timedOut = false
    const collect = (chunk: Buffer): void => void (output = (output + chunk.toString('utf8')).slice(-outputMax))
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const timer = setTimeout(() => {
      timedOut = true
      killProcess(-pid)
    }, timeLimitSeconds * 1000)
    child.on('error', reject)
    // Not 'close': a process left behind may hold the pipes open.
    child.on('exit', (code) => {
      clearTimeout(timer)
      running.delete(pid)
      setTimeout(() => resolve({ pid, code, output, timedOut }), 10)
    })
  })
}

async function runFile(path: string, options: RunOptions, folder: string, index: number): Promise<FileResult> {
  const started = Date.now()
  const run = `${process.pid}-${index}`
  const resultFile = join(folder, `${index}.jsonl`)
  const { pid, code, output, timedOut } = await runProcess(argumentsOf(path, resultFile, options.namePattern), run, options.timeLimitSeconds)
  const lines = readReport(resultFile)
  const results = lines.flatMap((line) => ('note' in line ? [] : [line]))
  const notes = lines.flatMap((line) => ('note' in line ? [line.note] : []))
  const problems = await reap(pid, run)
  if (timedOut) problems.push(`did not end within ${options.timeLimitSeconds} s: a test hangs, or something is left open`)
  else if (code !== 0 && !results.some((result) => result.failure !== undefined)) problems.push(`ended with code ${code}`)
  if (results.length === 0 && options.namePattern === undefined && problems.length === 0) problems.push('has no test')
  return { path, results, notes, problems, output, milliseconds: Date.now() - started }
}

/** Runs all files; never rejects because of a failing test. */
export async function runTestFiles(paths: readonly string[], options: RunOptions): Promise<FileResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-test-'))
  const queue = paths.entries()
  const done: FileResult[] = []
  const work = async (): Promise<void> => {
    for (const [index, path] of queue) {
      const result = await runFile(path, options, folder, index)
      done.push(result)
      options.onResult(result)
    }
  }
  try {
    await Promise.all(Array.from({ length: options.jobs }, work))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return done
}
