/**
 * Starts our server (LMDB) and another one (raft, as OpenBao and Vault have it), both durable and with a file audit device, and
 * compares them in one go: the workloads of `npm run bench`, the time from a start to the first read, memory, and the time of one command.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { call, textAt } from './api.ts'
import { bench, benchOptions } from './main.ts'
import { readUsage } from './processes.ts'
import { spreadOf } from './report.ts'
import type { Server } from './rounds.ts'

const help = `Usage: node dist/bench/peer.js --peer COMMAND [options of npm run bench]

  --peer COMMAND    an OpenBao or Vault binary (default: COFFER_BENCH_PEER)
  --ours COMMAND    what to compare with it (default: our own command); bao compares it with itself
  --folder DIR      where both keep their data, removed at the end (default: the folder for temporary files)
  --extra TEXT      more lines for the configuration of ours, such as workers = 2
`

type Storage = 'lmdb' | 'raft'

interface Contender {
  readonly name: string
  readonly command: readonly string[]
  readonly storage: Storage
  readonly extra: string
}

interface Running extends Server {
  readonly pid: number
  readonly contender: Contender
  readonly folder: string
  readonly key: string
  child: ChildProcess
}

const startTimeout = 30_000
const stopTimeout = 20_000
const commandRuns = 15
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds))
const children = new Set<ChildProcess>()

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
  const child = spawn(program, [...args, 'server', `-config=${config}`], { stdio: 'ignore' })
  children.add(child)
  child.on('exit', () => children.delete(child))
  for (const end = Date.now() + startTimeout; Date.now() < end && child.exitCode === null; await pause(5)) {
    const isUp = await fetch(`${addr}/v1/sys/seal-status`).then((response) => response.ok, () => false)
    if (isUp) return child
  }
  child.kill('SIGKILL')
  throw new Error(`${command.join(' ')} did not start`)
}

async function start(contender: Contender, parent: string): Promise<Running> {
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
async function retry(work: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + startTimeout; ; await pause(2)) {
    const failure = await work().then(() => null, (error: unknown) => error)
    if (failure === null) return
    if (Date.now() > end) throw failure
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once('exit', done))
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeout)
  await ended
  clearTimeout(timer)
}

const mebibytes = (pid: number | undefined): string => ((readUsage(pid ?? null)?.memoryBytes ?? Number.NaN) / 2 ** 20).toFixed(0)

/** Stops and starts a server with all that it stores; returns milliseconds from the start to the first read. */
async function measureRestart(server: Running): Promise<number> {
  await stop(server.child)
  const started = performance.now()
  server.child = await launch(server.contender.command, join(server.folder, 'server.hcl'), server.addr)
  await call({ addr: server.addr, token: '' }, 'PUT', 'sys/unseal', { key: server.key })
  await retry(() => call(server, 'GET', 'auth/token/lookup-self'))
  return performance.now() - started
}

function runCommand([program = '', ...args]: readonly string[], env: Record<string, string>): Promise<number> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } })
    child.on('error', reject).on('exit', (code) => (code === 0 ? resolve(performance.now() - started) : reject(new Error(`${args.join(' ')} ended with code ${code}`))))
  })
}

async function measureCommands(servers: readonly Running[]): Promise<string[]> {
  const times: number[][] = servers.map(() => [])
  for (const server of servers) {
    await call(server, 'POST', 'sys/mounts/cli', { type: 'kv', options: { version: '2' } })
    await call(server, 'POST', 'cli/data/hello', { data: { password: 's3cret' } })
  }
  for (let run = 0; run < commandRuns; run++) {
    for (const [i, { contender, addr, token }] of servers.entries()) {
      const env = { VAULT_ADDR: addr, VAULT_TOKEN: token, BAO_ADDR: addr, BAO_TOKEN: token, COFFER_ADDR: addr, COFFER_TOKEN: token }
      times[i]?.push(await runCommand([...contender.command, 'kv', 'get', '-mount=cli', 'hello'], env))
    }
  }
  return times.map((list) => spreadOf(list).median.toFixed(0))
}

async function compare(contenders: readonly Contender[], folder: string, values: Parameters<typeof bench>[1]): Promise<void> {
  const servers: Running[] = []
  const line = (what: string, cells: readonly string[]): void => say(`${what.padEnd(44)} ${cells.map((cell, i) => `${servers[i]?.name} ${cell}`).join('   ')}`)
  try {
    for (const contender of contenders) servers.push(await start(contender, folder))
    await pause(1000)
    const idle = servers.map(({ child }) => mebibytes(child.pid))
    await bench(servers, values)
    if (values.json) return
    say('')
    line('memory idle, MiB', idle)
    line('memory after the load, MiB', servers.map(({ child }) => mebibytes(child.pid)))
    line('kv get as a process, ms (median)', await measureCommands(servers))
    const restarts: string[] = []
    for (const server of servers) restarts.push((await measureRestart(server)).toFixed(0))
    line('start to first read with all that data, ms', restarts)
  } finally {
    for (const { child, folder: own } of servers) {
      await stop(child)
      rmSync(own, { recursive: true, force: true })
    }
    await Promise.all([...children].map(stop))
  }
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { ...benchOptions, peer: text, ours: text, folder: text, extra: text } })
  if (values.help) return say(help)
  const peer = values.peer ?? process.env['COFFER_BENCH_PEER']
  if (!peer) throw new Error('--peer is needed: the path of an OpenBao or Vault binary')
  process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
  const ours = values.ours ? [values.ours] : [process.execPath, join(import.meta.dirname, '../../bin/coffer.cjs')]
  const contenders: Contender[] = [
    { name: values.ours ? 'A' : 'coffer', command: ours, storage: values.ours ? 'raft' : 'lmdb', extra: values.extra ?? '' },
    { name: values.ours ? 'B' : 'peer', command: [peer], storage: 'raft', extra: '' },
  ]
  await compare(contenders, values.folder ?? tmpdir(), values)
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
