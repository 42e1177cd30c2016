/** Runs the programs of the guides: commands with their output, and where programs and packages that are not ours come from. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../server.ts'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** What the program reads from standard input; default: nothing. */
  readonly input?: string
  /** Milliseconds; default a minute. */
  readonly timeout?: number
}

/** Runs a program to its end. Rejects only when it cannot be started. */
export function runProgram([program = '', ...args]: readonly string[], options: CommandOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { env, cwd, timeout = 60_000 } = options
    const child = spawn(program, args, { env, timeout, ...(cwd !== undefined && { cwd }) })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.stdin.on('error', () => undefined) // it may end without reading its input
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.end(options.input ?? '')
  })
}

const failureOf = (argv: readonly string[]): string | null => {
  const { error, status, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (error) return `${argv[0]} is not installed`
  return status === 0 ? null : `${argv.join(' ')}: ${stderr.trim().split('\n').at(-1) ?? ''}`
}

/** Why a program cannot be used here, as the reason of a skip; false when it can. */
export const missingProgram = (argv: readonly string[]): string | false => failureOf(argv) ?? false

/**
 * A folder that keeps an installed client between runs: `node_modules/.cache/clients/NAME`. `install` runs once, in the empty folder;
 * it returns the commands to run there. Returns the folder, or the reason why it could not be filled.
 */
export function installClient(name: string, install: (folder: string) => readonly (readonly string[])[]): { folder: string } | { reason: string } {
  const folder = join(projectRoot, 'node_modules/.cache/clients', name)
  const mark = join(folder, '.installed')
  if (existsSync(mark)) return { folder }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const argv of install(folder)) {
    const failure = failureOf(argv)
    if (failure) return { reason: `${name} could not be installed: ${failure}` }
  }
  writeFileSync(mark, '')
  return { folder }
}
