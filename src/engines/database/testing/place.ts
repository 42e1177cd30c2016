/** Servers of databases for tests: each in a temporary folder, on a free port, gone when the test has ended. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** Servers that refuse to run as root run as whoever Debian made for them. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

export function ownerFor(user: string): Owner | null {
  if (process.getuid?.() !== 0) return null
  const id = (flag: string): number => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout.trim() || Number.NaN)
  const [uid, gid] = [id('-u'), id('-g')]
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : null
}

/** The full path of a program, also of those that Debian keeps out of the PATH; null when it is not installed. */
export function findProgram(name: string, folders: readonly string[] = []): string | null {
  const all = [...folders, ...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return all.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null
}

export function newestFolder(parent: string, below: string): readonly string[] {
  if (!existsSync(parent)) return []
  return readdirSync(parent).sort((a, b) => Number(b) - Number(a)).map((version) => join(parent, version, below))
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

export function makeFolder(name: string, owner: Owner | null): string {
  const folder = mkdtempSync(join(tmpdir(), `coffer-${name}-`))
  chmodSync(folder, 0o700)
  if (owner !== null) chownSync(folder, owner.uid, owner.gid)
  return folder
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true })

/** Runs a program to its end. Throws with what it printed. */
export function runProgram(program: string, args: readonly string[], options: { readonly owner?: Owner | null; readonly cwd: string; readonly input?: string }): void {
  const { owner, ...rest } = options
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...rest, ...owner, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? ''}${stdout}${stderr}`)
}

export interface Daemon {
  readonly child: ChildProcess
  /** What it has printed. */
  readonly output: () => string
  /** Ends it, at once with `SIGKILL`, and waits. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>
}

export function startProgram(program: string, args: readonly string[], options: { readonly owner?: Owner | null; readonly cwd: string; readonly env?: NodeJS.ProcessEnv }): Daemon {
  const { owner, ...rest } = options
  const child = spawn(program, args, { ...rest, ...owner, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    child,
    output: () => output,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await ended
    },
  }
}

/** Asks until `isReady` says so. Fails when the program ends before, or when the time is over. */
export async function untilReady(daemon: Daemon, isReady: () => Promise<boolean>, seconds = 30): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; !(await isReady().catch(() => false)); await pause(20)) {
    if (daemon.child.exitCode !== null || Date.now() > deadline) throw new Error(`a server did not start:\n${daemon.output()}`)
  }
}
