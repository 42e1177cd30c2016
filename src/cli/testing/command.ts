/** Runs the command within the test's process: with an environment and a home folder of its own, and everything it prints kept. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../host.ts'
import { run } from '../run.ts'

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
  /** What the person at the keyboard answers; without it there is nobody. */
  readonly typed?: string
  readonly program?: string
  readonly now?: number
  readonly screen?: boolean
}

export interface TestShell {
  readonly home: string
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>
  /** Fails the test when the exit code is not 0. */
  ok(args: readonly string[], options?: RunOptions): Promise<string>
  close(): void
}

/** `environment` is what every command of this shell sees. */
export function openShell(environment: Readonly<Record<string, string>> = {}): TestShell {
  const home = mkdtempSync(join(tmpdir(), 'coffer-home-'))
  const runOne = async (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => {
    const out: Buffer[] = []
    const err: string[] = []
    const host = makeHost(home, { ...environment, ...options.environment }, options, out, err)
    const code = await run(args, host)
    return { code, out: Buffer.concat(out).toString(), err: err.join('') }
  }
  return {
    home,
    run: runOne,
    async ok(args, options) {
      const { code, out, err } = await runOne(args, options)
      if (code !== 0) throw new Error(`${args.join(' ')}: exit code ${code}\n${out}${err}`)
      return out
    },
    close: () => rmSync(home, { recursive: true, force: true }),
  }
}

function makeHost(home: string, environment: Readonly<Record<string, string>>, options: RunOptions, out: Buffer[], err: string[]): Host {
  return {
    environment,
    home,
    program: options.program ?? 'coffer',
    programPath: '/usr/bin/coffer',
    now: () => options.now ?? Date.UTC(2026, 0, 2, 3, 4, 5),
    terminal: {
      out: (data) => void out.push(Buffer.from(data as Uint8Array)),
      err: (text) => void err.push(text),
      outIsScreen: options.screen ?? false,
      errIsScreen: options.screen ?? false,
      inIsKeyboard: options.typed !== undefined,
      readInput: async () => options.input ?? '',
      readHidden: async () => {
        if (options.typed === undefined) throw new Error('standard input is not a terminal')
        return options.typed
      },
    },
  }
}
