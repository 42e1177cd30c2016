/**
 * Starts a server for a test, waits until it answers, and stops it with nothing left behind. By default that is our own command;
 * `COFFER_TEST_SERVER='COMMAND {port}'` and `COFFER_TEST_BARE_SERVER='COMMAND {config}'` put another one in its place, to see
 * whether a test says the truth about the servers that we want to be like.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { send } from './send.ts'
import type { Step } from './scenario.ts'

export interface TestServer {
  /** `http://127.0.0.1:PORT` */
  readonly addr: string
  /** The root token; an uninitialised server has none yet. */
  readonly token: string
  readonly pid: number
  /** An empty folder of this server, also the home of its process; gone after `stop`. */
  readonly folder: string
  /** Rejects when the server had to be killed. */
  stop(): Promise<void>
}

export const projectRoot = join(import.meta.dirname, '../..')
/** The command as a user has it. */
export const cofferCommand: readonly string[] = [process.execPath, join(projectRoot, 'bin/coffer.cjs')]

const rootToken = 'root'
const readyTimeout = 20_000
const stopTimeout = 10_000
const outputMax = 4_000
const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds))

export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** The environment without what would point a client or a server elsewhere. */
export function cleanEnvironment(home: string, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:VAULT|BAO|COFFER)_/.test(name) || name === 'COFFER_TEST_RUN')
  return { ...(Object.fromEntries(kept) as Record<string, string>), HOME: home, ...extra }
}

const fillCommand = (command: string, values: Readonly<Record<string, string>>): string[] =>
  command.split(/\s+/).filter(Boolean).map((part) => part.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole))

/** A dev server: unsealed, root token `root`, KV version 2 at `secret/`, nothing on disk. */
export async function startDevServer(): Promise<TestServer> {
  const port = String(await findFreePort())
  const other = process.env['COFFER_TEST_SERVER']
  const ours = ['server', '-dev', `-dev-root-token-id=${rootToken}`, `-dev-listen-address=127.0.0.1:${port}`, '-dev-no-store-token']
  const command = other ? fillCommand(other, { port }) : [...cofferCommand, ...ours]
  return start(command, port, makeFolder(), { title: 'ready', method: 'GET', path: 'secret/config' })
}

/** A dev server that speaks TLS: `vault-ca.pem` in its folder is the authority of its certificate, which is for `127.0.0.1`. */
export async function startTlsServer(): Promise<TestServer> {
  const port = String(await findFreePort())
  const folder = makeFolder()
  const ours = ['server', '-dev', '-dev-tls', `-dev-tls-cert-dir=${folder}`, `-dev-root-token-id=${rootToken}`, `-dev-listen-address=127.0.0.1:${port}`, '-dev-no-store-token']
  return start([...cofferCommand, ...ours], port, folder, /server started!/, 'https')
}

/** A server before its initialisation, in memory, with the unauthenticated rekey and generate-root endpoints open. */
export async function startBareServer(): Promise<TestServer> {
  const port = String(await findFreePort())
  const folder = makeFolder()
  const config = join(folder, 'server.hcl')
  const open = 'disable_unauthed_rekey_endpoints = false\n  disable_unauthed_generate_root_endpoints = false'
  writeFileSync(config, `storage "inmem" {}\nlistener "tcp" {\n  address = "127.0.0.1:${port}"\n  tls_disable = true\n  ${open}\n}\n`)
  const other = process.env['COFFER_TEST_BARE_SERVER']
  const command = other ? fillCommand(other, { port, config }) : [...cofferCommand, 'server', `-config=${config}`]
  return start(command, port, folder, { title: 'ready', method: 'GET', path: 'sys/seal-status', token: 'none' })
}

const makeFolder = (): string => mkdtempSync(join(tmpdir(), 'coffer-server-'))

/** `ready`: what is answered as soon as it serves, or printed. */
async function start(command: readonly string[], port: string, folder: string, ready: Step | RegExp, scheme: 'http' | 'https' = 'http'): Promise<TestServer> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: folder, env: cleanEnvironment(folder), stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((done) => child.on('exit', () => done()).on('error', () => done()))
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString('utf8')).slice(-outputMax)))
  }
  const stop = async (): Promise<void> => {
    if (!hasEnded) child.kill('SIGTERM')
    let stubborn = false
    const timer = setTimeout(() => (stubborn = child.kill('SIGKILL')), stopTimeout)
    await ended
    clearTimeout(timer)
    rmSync(folder, { recursive: true, force: true })
    if (stubborn) throw new Error(`the server did not stop within ${stopTimeout / 1000} s: ${command.join(' ')}`)
  }
  const addr = `${scheme}://127.0.0.1:${port}`
  const isReady = async (): Promise<boolean> =>
    ready instanceof RegExp ? ready.test(output) : (await send(ready, { addr, root: rootToken }).catch(() => undefined))?.status === 200
  for (const end = Date.now() + readyTimeout; Date.now() < end && !hasEnded; await pause(30)) {
    if (await isReady()) return { addr, token: rootToken, pid: child.pid ?? 0, folder, stop }
  }
  const reason = hasEnded ? `ended with code ${child.exitCode}` : `was not ready within ${readyTimeout / 1000} s`
  await stop().catch(() => undefined)
  throw new Error(`the server ${reason}: ${command.join(' ')}\n${output}`)
}
