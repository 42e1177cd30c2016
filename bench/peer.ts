/**
 * Starts our server (LMDB) and another one (raft, as OpenBao and Vault have it), both durable and with a file audit device, and
 * compares them in one go: the workloads of `npm run bench`, the time from a start to the first read, memory, and the time of one command.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { call } from './api.ts'
import { bench, benchOptions } from './main.ts'
import { readUsage } from './processes.ts'
import { spreadOf } from './report.ts'
import { children, cleanEnvironment, ownCommand, pause, restart, start, stop, stopAllAtExit, type Contender, type Running } from './start.ts'

const help = `Usage: node dist/bench/peer.js --peer COMMAND [options of npm run bench]

  --peer COMMAND    an OpenBao or Vault binary (default: COFFER_BENCH_PEER)
  --ours COMMAND    what to compare with it (default: our own command); bao compares it with itself
  --folder DIR      where both keep their data, removed at the end (default: the folder for temporary files)
  --extra TEXT      more lines for the configuration of ours, such as workers = 2
`

const commandRuns = 15
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** PSS, then all that is resident, and how much is no page of a file (the database and the program itself are mapped files). */
function mebibytes(pid: number | undefined): string {
  const usage = readUsage(pid ?? null)
  const show = (bytes: number | null | undefined): string => ((bytes ?? Number.NaN) / 2 ** 20).toFixed(0)
  return `${show(usage?.shareBytes)} (RSS ${show(usage?.memoryBytes)}, own ${show(usage?.ownBytes)})`
}

function runCommand([program = '', ...args]: readonly string[], env: Record<string, string>): Promise<number> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore', env: { ...cleanEnvironment, ...env } })
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
    for (const server of servers) {
      await stop(server.child)
      restarts.push((await restart(server)).toFixed(0))
    }
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
  stopAllAtExit()
  const ours = values.ours ? [values.ours] : ownCommand
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
