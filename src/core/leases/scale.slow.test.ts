/** A hundred thousand leases, over the real store, that end within a minute: minutes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turnOfLoop, setTimeout as pause } from 'node:timers/promises'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { loadSince } from '../../server/host.ts'
import { openLmdbStore } from '../../storage/lmdb.ts'
import { findToken } from '../tokens/find.ts'
import { withUnit } from '../unit.ts'
import { issueLease } from './issue.ts'
import { startSweeper } from './sweeper.ts'
import { renter, type Renter } from './testing/renter.ts'

const unitSize = 1_000
const leases = 100_000

async function makeLeases({ core, rootToken }: ServeHarness, outside: Renter, count: number): Promise<void> {
  const mount = await core.mounts.at('a/')
  const holder = await findToken(core, rootToken)
  assert.ok(mount !== null && holder !== null)
  for (let made = 0; made < count; made += unitSize) await withUnit(async (unit) => {
    for (let i = made; i < made + unitSize; i++) {
      await issueLease(core, unit, mount, `a/creds/n${i % 50}`, holder, { kind: 'creds', ttlSeconds: 1 + (i % 60), maxTtlSeconds: 0, renewable: true, internal: { name: `n${i}`, mount: 'a/' } })
      outside.valid.add(`a/n${i}`)
    }
  })
}

async function onLmdb(work: (server: ServeHarness, outside: Renter, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-leases-'))
  const store = await openLmdbStore({ folder })
  const outside = renter()
  const server = await serveHarness({ engines: [outside.engine], store, load: loadSince() })
  try {
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
    await server.ok('write', 'kv/x', { data: { a: 'b' } })
    await work(server, outside, folder)
  } finally {
    await server.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Reads one after the other, which keeps the process busy, for so long; how many there were in a second. */
async function readsPerSecond(server: ServeHarness, seconds: number): Promise<number> {
  const begun = performance.now()
  let count = 0
  for (; performance.now() - begun < seconds * 1000; count += 1) {
    await server.ok('read', 'kv/x')
    // Timers, and what the store has done meanwhile, get their turn, as between the requests of sockets.
    if (count % 8 === 0) await turnOfLoop()
  }
  return count / ((performance.now() - begun) / 1000)
}

test('a hundred thousand leases end within a minute while reads keep four fifths of their speed; with nothing else to do they go at once', (t) => onLmdb(async (server, outside) => {
  await makeLeases(server, outside, leases)
  await readsPerSecond(server, 3)
  const before = await readsPerSecond(server, 5)
  const stop = startSweeper(server.core, 100)
  const speeds: number[] = []
  // They are due over the minute that passes meanwhile.
  for (let second = 0; second < 60; second++) {
    server.clock.advance(1)
    speeds.push(await readsPerSecond(server, 1))
  }
  const during = speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length
  const revoked = leases - outside.valid.size
  const begun = performance.now()
  while (outside.valid.size > 0 && performance.now() - begun < 1_800_000) await pause(50)
  await stop()
  const after = await readsPerSecond(server, 5)
  const seconds = Math.round((performance.now() - begun) / 1000)
  t.diagnostic(`reads in a second: ${Math.round(before)} before, ${Math.round(during)} during the minute in which ${revoked} leases were revoked, ${Math.round(after)} afterwards; the other ${leases - revoked} took ${seconds} s with nothing else to do`)
  assert.equal(outside.valid.size, 0)
  assert.ok(revoked > 200, String(revoked))
  assert.ok(during >= 0.8 * Math.min(before, after), `${before}, ${during}, ${after}`)
}))
