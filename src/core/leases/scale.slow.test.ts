/** A hundred thousand leases, over the real store, that end within a minute, without and with the users of a database behind them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turnOfLoop, setTimeout as pause } from 'node:timers/promises'
import { startPostgres } from '../../engines/database/testing/postgresql.ts'
import { countUsers, makeUsers, termsOfUser } from '../../engines/database/testing/storm-users.ts'
import type { LeaseTerms } from '../../kit/result.ts'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { loadSince } from '../../server/host.ts'
import { openLmdbStore } from '../../storage/lmdb.ts'
import { startSweeper } from './sweeper.ts'
import { renter } from './testing/renter.ts'
import { makeLeases } from './testing/storm.ts'

const minuteSeconds = 60

/** Leases that end one after the other over the minute, at 50 roles of the mount `a/`. */
async function fill({ core, rootToken }: ServeHarness, count: number, termsOf: (i: number) => Pick<LeaseTerms, 'kind' | 'internal'>): Promise<void> {
  const mount = await core.mounts.at('a/')
  assert.ok(mount !== null)
  await makeLeases(core, mount, rootToken, count, (i) => ({ ttlSeconds: 1 + (i % minuteSeconds), ...termsOf(i) }))
}

const outside = renter()

/** Timers of the core, which can be held: then the sweeper stands still where it is, and goes on from there. */
class Clockwork {
  readonly load = loadSince()
  #isHeld = false
  readonly #held: (() => void)[] = []

  readonly later = (ms: number, work: () => void): (() => void) => {
    const timer = setTimeout(() => void (this.#isHeld ? this.#held.push(work) : work()), ms)
    timer.unref()
    return () => clearTimeout(timer)
  }

  hold(): void {
    this.#isHeld = true
  }

  go(): void {
    this.#isHeld = false
    // What was done meanwhile is not for the sweeper to judge by.
    this.load()
    for (const work of this.#held.splice(0)) work()
  }
}

async function onLmdb(type: string, work: (server: ServeHarness, clockwork: Clockwork) => Promise<void>): Promise<void> {
  const clockwork = new Clockwork()
  const folder = mkdtempSync(join(tmpdir(), 'coffer-leases-'))
  const store = await openLmdbStore({ folder })
  const server = await serveHarness({ engines: [outside.engine], store, load: clockwork.load, later: clockwork.later })
  try {
    await server.ok('write', 'sys/mounts/a', { data: { type } })
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
    await server.ok('write', 'kv/x', { data: { a: 'b' } })
    await work(server, clockwork)
  } finally {
    for (const { engine } of server.core.registry.all) await engine.release?.()
    await server.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Reads one after the other, which keep the process busy: how many there were in a second, and in a CPU second of the process, which others on the machine do not change. */
interface Speed {
  readonly perSecond: number
  readonly perCpuSecond: number
}

async function readFor(server: ServeHarness, seconds: number, eachSecond: () => void = () => undefined): Promise<Speed> {
  const [begun, cpu] = [performance.now(), process.cpuUsage()]
  let count = 0
  for (let whole = 0; performance.now() - begun < seconds * 1000; count += 1) {
    if (performance.now() - begun >= whole * 1000) {
      whole += 1
      eachSecond()
    }
    await server.ok('read', 'kv/x')
    // Timers, and what the store has done meanwhile, get their turn, as between the requests of sockets.
    if (count % 8 === 0) await turnOfLoop()
  }
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: count / ((performance.now() - begun) / 1000), perCpuSecond: count / ((user + system) / 1e6) }
}

/** Of all pieces of time together. */
interface Storm {
  readonly without: Speed
  readonly with: Speed
}

const pieces = 8
const pieceSeconds = 4

const meanOf = (speeds: readonly Speed[]): Speed => ({
  perSecond: speeds.reduce((sum, { perSecond }) => sum + perSecond, 0) / speeds.length,
  perCpuSecond: speeds.reduce((sum, { perCpuSecond }) => sum + perCpuSecond, 0) / speeds.length,
})

/** Reads while all leases end over a minute, with the sweeper going and standing still in turn, because a machine that others use is never the same for a minute. */
async function storm(server: ServeHarness, clockwork: Clockwork): Promise<Storm> {
  const [without, swept]: [Speed[], Speed[]] = [[], []]
  await readFor(server, 3)
  const stop = startSweeper(server.core)
  for (let piece = 0; piece < pieces; piece++) {
    clockwork.hold()
    // What had begun.
    await readFor(server, 0.5)
    without.push(await readFor(server, pieceSeconds))
    clockwork.go()
    swept.push(await readFor(server, pieceSeconds, () => server.clock.advance(minuteSeconds / pieces / pieceSeconds)))
  }
  await stop()
  return { without: meanOf(without), with: meanOf(swept) }
}

const shown = ({ perSecond, perCpuSecond }: Speed): string => `${Math.round(perSecond)} in a second, ${Math.round(perCpuSecond)} in a CPU second`
const told = (speeds: Storm, revoked: number): string =>
  `reads without the sweeper: ${shown(speeds.without)}; with it: ${shown(speeds.with)} (${Math.round((speeds.with.perCpuSecond / speeds.without.perCpuSecond) * 100)} %), while ${revoked} leases were revoked in ${pieces * pieceSeconds} s`
const checkSpeed = (speeds: Storm): void => assert.ok(speeds.with.perCpuSecond >= 0.8 * speeds.without.perCpuSecond, told(speeds, 0))

test('a hundred thousand leases end within a minute while reads keep four fifths of their speed', (t) => onLmdb('renter', async (server, clockwork) => {
  const count = 100_000
  await fill(server, count, (i) => ({ kind: 'creds', internal: { name: `n${i}`, mount: 'a/' } }))
  for (let i = 0; i < count; i++) outside.valid.add(`a/n${i}`)
  const speeds = await storm(server, clockwork)
  const revoked = count - outside.valid.size
  outside.valid.clear()
  t.diagnostic(told(speeds, revoked))
  assert.ok(revoked > 200, String(revoked))
  checkSpeed(speeds)
}))

test('leases that have ended go at once when there is nothing else to do', (t) => onLmdb('renter', async (server) => {
  const count = 10_000
  await fill(server, count, (i) => ({ kind: 'creds', internal: { name: `n${i}`, mount: 'a/' } }))
  for (let i = 0; i < count; i++) outside.valid.add(`a/n${i}`)
  server.clock.advance(minuteSeconds)
  const begun = performance.now()
  const stop = startSweeper(server.core, 100)
  while (outside.valid.size > 0 && performance.now() - begun < 240_000) await pause(50)
  await stop()
  t.diagnostic(`${count} leases took ${Math.round((performance.now() - begun) / 1000)} s`)
  assert.equal(outside.valid.size, 0)
}))

test('a hundred thousand users of PostgreSQL end within a minute while reads keep four fifths of their speed', async (t) => {
  const db = await startPostgres()
  if (db === null) return t.skip('PostgreSQL is not installed')
  const count = 100_000
  try {
    await onLmdb('database', async (server, clockwork) => {
      await server.ok('write', 'a/config/pg', { data: { plugin_name: 'postgresql-database-plugin', connection_url: db.url, allowed_roles: '*', ...db.admin } })
      await makeUsers(db, count)
      await fill(server, count, termsOfUser)
      const speeds = await storm(server, clockwork)
      const revoked = count - (await countUsers(db))
      t.diagnostic(told(speeds, revoked))
      assert.ok(revoked > 200, String(revoked))
      checkSpeed(speeds)
    })
  } finally {
    await db.stop()
  }
})
