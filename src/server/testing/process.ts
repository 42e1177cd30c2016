/** The real command as processes of their own, in a home and working folder of their own: servers, and what is typed beside them. */
import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** For whatever should be there soon. Long, because a machine under load is no failure. */
const patienceMs = 60_000

/** The compiled entry point of the command. */
export const mainFile = join(import.meta.dirname, '../../../../bin/coffer.cjs')

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface RunningServer {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** Resolves once the output has it. Fails when the process ends or a minute is over. */
  printed(pattern: RegExp): Promise<void>
  readonly ended: Promise<Ended>
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

export interface Place {
  readonly folder: string
  /** Beside the folder's own `HOME` and `PATH`. */
  readonly environment: NodeJS.ProcessEnv
  /** Writes a file and returns its path. */
  file(name: string, text: string): string
  /** Starts `coffer server ARGS`; `stdio` other than pipes leaves the output empty. */
  start(args: readonly string[], options?: StartOptions): RunningServer
  /** Starts a server and waits until it answers. Fails with what it printed otherwise. */
  started(args: readonly string[], options?: StartOptions): Promise<RunningServer>
  /** Runs a text in `sh`, in which `coffer` is the command. */
  shell(script: string, environment?: NodeJS.ProcessEnv): Ended
}

export interface StartOptions {
  readonly environment?: NodeJS.ProcessEnv
  /** A command of `sh` that the server is started after, in the same process: limits. */
  readonly after?: string
  readonly stdio?: StdioOptions
}

/** Runs with a fresh folder; ends every server that is left, and removes the folder. */
export async function inPlace(body: (place: Place) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-server-'))
  const servers: RunningServer[] = []
  try {
    await body(makePlace(folder, servers))
  } finally {
    for (const { child, ended } of servers) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  }
}

function makePlace(folder: string, servers: RunningServer[]): Place {
  const bin = join(folder, '.bin')
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  mkdirSync(bin)
  chmodSync(file('.bin/coffer', `#!/bin/sh\nexec "${process.execPath}" "${mainFile}" "$@"\n`), 0o700)
  const environment = { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, HOME: folder }
  const start = (args: readonly string[], options: StartOptions = {}): RunningServer => {
    const env = { ...environment, ...options.environment }
    const command = [process.execPath, mainFile, 'server', ...args]
    const [program = '', ...words] = options.after === undefined ? command : ['sh', '-c', `${options.after}; exec "$@"`, 'sh', ...command]
    const child = spawn(program, words, { cwd: folder, env, stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'] })
    const server = watch(child)
    servers.push(server)
    return server
  }
  return {
    folder,
    environment,
    file,
    start,
    async started(args, options) {
      const server = start(args, options)
      await server.printed(/server started!/)
      return server
    },
    shell(script, more = {}) {
      const { status, signal, stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: folder, env: { ...environment, ...more }, encoding: 'utf8' })
      return { code: status, signal, out: stdout, err: stderr }
    },
  }
}

function watch(child: ChildProcess): RunningServer {
  const text = { out: '', err: '' }
  child.stdout?.on('data', (chunk: Buffer) => (text.out += String(chunk)))
  child.stderr?.on('data', (chunk: Buffer) => (text.err += String(chunk)))
  const ended = new Promise<Ended>((resolve) => child.once('close', (code, signal) => resolve({ code, signal, ...text })))
  return {
    child,
    out: () => text.out,
    err: () => text.err,
    ended,
    async printed(pattern) {
      for (const deadline = Date.now() + patienceMs; !pattern.test(text.out + text.err); await pause(10)) {
        if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) throw new Error(`${pattern} was not printed, but:\n${text.out}${text.err}`)
      }
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      return await ended
    },
  }
}

export async function freePort(): Promise<number> {
  // Below those that systems give out by themselves (32768 and up on Linux), so that nobody gets it while a server is started again.
  for (;;) {
    const port = randomInt(10_000, 32_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)))
    await new Promise((resolve) => server.close(resolve))
    if (isFree) return port
  }
}

/** One request with the token, if any, and its answer. */
export async function ask(url: string, init: { readonly method?: string; readonly token?: string; readonly body?: unknown } = {}): Promise<{ status: number; text: string; headers: Headers }> {
  const { method = 'GET', token, body } = init
  const answer = await fetch(url, {
    method,
    headers: { connection: 'close', ...(token === undefined ? {} : { 'x-vault-token': token }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(patienceMs),
  })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

/** A process and all that descend from it, parents first. */
export function treeOf(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(name))
  const tree = [root]
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  return tree
}

/** 0 when it has just ended. */
function parentOf(pid: string): number {
  try {
    // The name, in brackets, may hold anything.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) . /s, '').split(' ')[0])
  } catch {
    return 0
  }
}

/** `kill -9` of a server with everything that it has started, at once. Resolves when all of it is gone. */
export async function killTree(child: ChildProcess): Promise<void> {
  const tree = process.platform === 'linux' ? treeOf(child.pid ?? 0) : [child.pid ?? 0]
  for (const pid of tree) kill(pid, 'SIGKILL')
  await gone(tree)
}

export function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** Fails when one of them is still there after a minute. One that nobody has waited for yet is gone. */
export async function gone(pids: readonly number[]): Promise<void> {
  const isThere = (pid: number): boolean => kill(pid, 0) && !isZombie(pid)
  for (const deadline = Date.now() + patienceMs; pids.some(isThere); await pause(5)) if (Date.now() > deadline) throw new Error(`still running: ${pids.filter(isThere).join()}`)
}

/** Of a process with threads, the first may have ended while others still end: until the last has, its sockets listen and its locks hold. */
function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '')) && readdirSync(`/proc/${pid}/task`).length === 1
  } catch {
    return true
  }
}
