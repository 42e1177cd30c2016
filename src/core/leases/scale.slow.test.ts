/** A hundred thousand leases, over the real store, that end in the same second: minutes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
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
      await issueLease(core, unit, mount, `a/creds/n${i % 50}`, holder, { kind: 'creds', ttlSeconds: 60, maxTtlSeconds: 0, renewable: true, internal: { name: `n${i}`, mount: 'a/' } })
      outside.valid.add(`a/n${i}`)
    }
  })
}

async function onLmdb(work: (server: ServeHarness, outside: Renter, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-leases-'))
  const store = await openLmdbStore({ folder })
  const outside = renter()
  const server = await serveHarness({ engines: [outside.engine], store })
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

test('a hundred thousand leases that end in the same second are revoked while reads go on', (t) => onLmdb(async (server, outside) => {
  await makeLeases(server, outside, leases)
  server.clock.advance(61)
  const read = async (): Promise<number> => {
    const begun = performance.now()
    await server.ok('read', 'kv/x')
    return performance.now() - begun
  }
  const begun = performance.now()
  const stop = startSweeper(server.core, 100)
  const waits: number[] = []
  while (outside.valid.size > 0 && performance.now() - begun < 3_000_000) {
    waits.push(await read())
    await pause(5)
  }
  await stop()
  const sorted = waits.toSorted((a, b) => a - b)
  const at = (share: number): number => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10
  t.diagnostic(`${Math.round((performance.now() - begun) / 1000)} s; ${waits.length} reads meanwhile: median ${at(0.5)} ms, 99 % ${at(0.99)} ms, the slowest ${at(0.9999)} ms`)
  assert.equal(outside.valid.size, 0)
  assert.ok(at(0.99) < 250, `${at(0.99)} ms`)
}))
