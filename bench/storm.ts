/**
 * What readers notice when very many leases end within a minute: reads of KV by a load generator, before and meanwhile, of a real server with its workers. The leases are of passwords
 * of SSH, or each of a user of a real PostgreSQL, which then needs processors itself.
 */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeLeases } from '../src/core/leases/testing/storm.ts'
import { makeUsers, termsOfUser } from '../src/engines/database/testing/storm-users.ts'
import { leaseKind } from '../src/engines/ssh/otp.ts'
import { startPostgres, type PostgresServer } from '../src/engines/database/testing/postgresql.ts'
import { call } from './api.ts'
import { mountAt, openFolder } from './fill.ts'
import { formatRequest, type Load } from './load.ts'
import { readUsage } from './processes.ts'
import { spreadOf } from './report.ts'
import { ownCommand, pause, restart, start, stop, stopAllAtExit, type Running } from './start.ts'
import { runWrk } from './wrk.ts'

const help = `Usage: node dist/bench/storm.js [options]

  --users           each lease is of a user of PostgreSQL
  --leases N        that end, one after the other (default 100000)
  --window N        seconds in which they end (default 60)
  --connections N   that read (default 16)
  --workers N       of the server (default 2)
`

const pieceSeconds = 5
/** Filling is measured to take less, with what else comes before the first of them ends. */
const fillPerSecond = 2_500
const warmSeconds = 10
const piecesBefore = 4
const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Plan {
  readonly leases: number
  readonly windowMs: number
  /** When the first of them ends. */
  readonly from: number
}

async function countLeases(server: Running): Promise<number> {
  const { data } = (await call(server, 'GET', 'sys/leases/count?group_by=mount&prefix=storm')) as { readonly data: { readonly counts: Readonly<Record<string, number>> } }
  return Object.values(data.counts).reduce((sum, count) => sum + count, 0)
}

async function prepare(server: Running, postgres: PostgresServer | null): Promise<void> {
  await call(server, 'POST', 'sys/mounts/storm-kv', { type: 'kv', options: { version: '2' } })
  await call(server, 'POST', 'storm-kv/data/read', { data: { value: 'v'.repeat(1_000) } })
  await call(server, 'POST', 'sys/mounts/storm', { type: postgres === null ? 'ssh' : 'database' })
  if (postgres === null) return
  const { url, plugin, admin: { username, password } } = postgres
  await call(server, 'POST', 'storm/config/pg', { plugin_name: plugin, connection_url: url, username, password, allowed_roles: '*' })
}

async function fillLeases(server: Running, { leases, windowMs, from }: Plan, ofUsers: boolean): Promise<void> {
  const { core, close } = await openFolder({ folder: join(server.folder, 'data'), key: server.key, token: server.token })
  try {
    const ttlOf = (i: number): number => Math.ceil((from + (i * windowMs) / leases - core.host.now()) / 1000)
    const termsOf = ofUsers ? termsOfUser : (i: number) => ({ kind: leaseKind, internal: { otp: `otp-${i}` } })
    await makeLeases(core, await mountAt(core, 'storm/'), server.token, leases, (i) => ({ ttlSeconds: ttlOf(i), ...termsOf(i) }))
    if (core.host.now() > from - (warmSeconds + pieceSeconds * piecesBefore) * 1000) throw new Error('filling took longer than was thought: the first leases ended too early')
  } finally {
    await close()
  }
}

interface Piece {
  readonly perSecond: number
  readonly perCpuSecond: number
}

async function readFor(load: Load, server: Running, name: string): Promise<Piece> {
  const cpu = (): number => readUsage(server.child.pid ?? null)?.cpuSeconds ?? Number.NaN
  const began = cpu()
  const { perSecond, count, p50, p99, errors } = await runWrk({ ...load, seconds: pieceSeconds })
  const perCpuSecond = count / (cpu() - began)
  say(`${name}: ${perSecond.toFixed(0)} reads in a second, ${perCpuSecond.toFixed(0)} in a CPU second, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(1)} ms, ${errors} errors`)
  return { perSecond, perCpuSecond }
}

async function measure(server: Running, { leases, windowMs, from }: Plan, connections: number): Promise<void> {
  const requests = [formatRequest({ method: 'GET', path: 'storm-kv/data/read', token: server.token })]
  const load: Load = { addr: server.addr, requests, connections, threads: 1, seconds: warmSeconds }
  await runWrk(load)
  await pause(Math.max(0, from - piecesBefore * pieceSeconds * 1000 - Date.now()))
  const [before, during]: [Piece[], Piece[]] = [[], []]
  while (before.length < piecesBefore) before.push(await readFor(load, server, 'before'))
  while (Date.now() < from + windowMs) during.push(await readFor(load, server, 'meanwhile'))
  const left = await countLeases(server)
  const share = (of: keyof Piece): string => `${((100 * spreadOf(during.map((piece) => piece[of])).median) / spreadOf(before.map((piece) => piece[of])).median).toFixed(0)} %`
  say(`medians: ${share('perSecond')} of the reads in a second, ${share('perCpuSecond')} in a CPU second, while ${leases - left} of ${leases} leases went`)
  await pause(30_000)
  say(`${left - (await countLeases(server))} more in 30 s in which nobody read`)
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: { leases: { ...text, default: '100000' }, window: { ...text, default: '60' }, connections: { ...text, default: '16' }, workers: { ...text, default: '2' }, users: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help === true) return say(help)
  stopAllAtExit()
  const postgres = values.users ? await startPostgres() : null
  if (values.users && postgres === null) throw new Error('PostgreSQL is not installed')
  const server = await start({ name: 'storm', command: ownCommand, storage: 'lmdb', extra: `workers = ${values.workers}` }, tmpdir())
  try {
    const leases = Number(values.leases)
    await prepare(server, postgres)
    await stop(server.child)
    if (postgres !== null) await makeUsers(postgres, leases)
    const from = Date.now() + (leases / fillPerSecond + warmSeconds * 2 + piecesBefore * pieceSeconds) * 1000
    const plan = { leases, windowMs: Number(values.window) * 1000, from }
    await fillLeases(server, plan, values.users)
    await restart(server)
    await measure(server, plan, Number(values.connections))
  } finally {
    await stop(server.child)
    rmSync(server.folder, { recursive: true, force: true })
    await postgres?.stop()
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
