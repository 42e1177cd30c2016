/** Starts and stops servers for benchmarks: each with a folder of its own, durable, unsealed, with a file audit device. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { call, textAt } from './api.ts'
import type { Server } from './rounds.ts'

type Storage = 'lmdb' | 'raft'

export interface Contender {
  readonly name: string
  readonly command: readonly string[]
  readonly storage: Storage
  readonly extra: string
}

export interface Running extends Server {
  readonly pid: number
  readonly contender: Contender
  readonly folder: string
  readonly key: string
  child: ChildProcess
}

const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...clean } = process.env
/** Without what a machine adds to every program of Node: Node 20 reads those certificates at each start, which takes it 40 ms. */
export const cleanEnvironment: NodeJS.ProcessEnv = clean

const startTimeout = 30_000
const stopTimeout = 20_000
export const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds))
export const children = new Set<ChildProcess>()

async function findFreePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}

async function formatConfig({ storage, extra }: Contender, folder: string, port: number): Promise<string> {
  const raft = `storage "raft" {\n  path = "${folder}/data"\n  node_id = "one"\n}\ncluster_addr = "http://127.0.0.1:${await findFreePort()}"`
  const store = storage === 'raft' ? raft : `storage "lmdb" {\n  path = "${folder}/data"\n}`
  const listener = `listener "tcp" {\n  address = "127.0.0.1:${port}"\n  tls_disable = true\n}`
  return `${store}\n${listener}\napi_addr = "http://127.0.0.1:${port}"\ndisable_mlock = true\nunsafe_allow_api_audit_creation = true\n${extra}\n`
}

async function launch(command: readonly string[], config: string, addr: string): Promise<ChildProcess> {
  const [program = '', ...args] = command
  const child = spawn(program, [...args, 'server', `-config=${config}`], { stdio: 'ignore', env: cleanEnvironment })
  children.add(child)
  child.on('exit', () => children.delete(child))
  for (const end = Date.now() + startTimeout; Date.now() < end && child.exitCode === null; await pause(5)) {
    const isUp = await fetch(`${addr}/v1/sys/seal-status`).then((response) => response.ok, () => false)
    if (isUp) return child
  }
  child.kill('SIGKILL')
  throw new Error(`${command.join(' ')} did not start`)
}

/** Makes, initialises and unseals a server in a new folder below `parent`. */
export async function start(contender: Contender, parent: string): Promise<Running> {
  const folder = mkdtempSync(join(parent, `bench-${contender.name}-`))
  mkdirSync(join(folder, 'data'), { mode: 0o700 })
  const port = await findFreePort()
  const addr = `http://127.0.0.1:${port}`
  writeFileSync(join(folder, 'server.hcl'), await formatConfig(contender, folder, port))
  const child = await launch(contender.command, join(folder, 'server.hcl'), addr)
  const init = await call({ addr, token: '' }, 'PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 })
  const key = textAt(init, 'keys_base64.0')
  const target = { addr, token: textAt(init, 'root_token') }
  await call(target, 'PUT', 'sys/unseal', { key })
  await retry(() => call(target, 'GET', 'auth/token/lookup-self'))
  await retry(() => call(target, 'PUT', 'sys/audit/file', { type: 'file', options: { file_path: join(folder, 'audit.log') } }))
  return { ...target, name: contender.name, pid: child.pid ?? 0, contender, folder, key, child }
}

/** After an unseal a server with raft needs a moment to become active, and a moment more until it writes. */
export async function retry(work: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + startTimeout; ; await pause(2)) {
    const failure = await work().then(() => null, (error: unknown) => error)
    if (failure === null) return
    if (Date.now() > end) throw failure
  }
}

export async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once('exit', done))
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeout)
  await ended
  clearTimeout(timer)
}

/** Our own command, as it was built. */
export const ownCommand: readonly string[] = [process.execPath, join(import.meta.dirname, '../../bin/coffer.cjs')]

/** Nothing that was started outlives this process. */
export function stopAllAtExit(): void {
  process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
}

/** Starts a server again over its folder; returns milliseconds from the start to the first read. */
export async function restart(server: Running): Promise<number> {
  const started = performance.now()
  server.child = await launch(server.contender.command, join(server.folder, 'server.hcl'), server.addr)
  await call({ addr: server.addr, token: '' }, 'PUT', 'sys/unseal', { key: server.key })
  await retry(() => call(server, 'GET', 'auth/token/lookup-self'))
  return performance.now() - started
}
