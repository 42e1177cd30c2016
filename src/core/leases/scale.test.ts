/** What lies there costs nothing at the start: what is read, and so time and memory, does not grow with the number of leases. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'
import { findToken } from '../tokens/find.ts'
import { withUnit } from '../unit.ts'
import { issueLease } from './issue.ts'
import { startSweeper, sweepExpired } from './sweeper.ts'
import { counting } from './testing/counting.ts'
import { renter } from './testing/renter.ts'

async function makeLeases({ core, rootToken }: ServeHarness, count: number): Promise<void> {
  const mount = await core.mounts.at('a/')
  const holder = await findToken(core, rootToken)
  assert.ok(mount !== null && holder !== null)
  await withUnit(async (unit) => {
    for (let i = 0; i < count; i++) await issueLease(core, unit, mount, `a/creds/n${i % 7}`, holder, { kind: 'creds', ttlSeconds: 3600 + i, maxTtlSeconds: 0, renewable: true, internal: { name: `n${i}` } })
  })
}

/** What another process reads until it has answered its first request, and then with its first sweep. */
async function readsOf(server: ServeHarness): Promise<{ readonly atStart: number; readonly bySweep: number }> {
  const { store, reads } = counting(server.store)
  const next = await server.sibling({ store })
  await startSweeper(next.core)()
  await next.ok('read', 'auth/token/lookup-self')
  const atStart = reads()
  await sweepExpired(next.core)
  await next.close()
  return { atStart, bySweep: reads() - atStart }
}

test('a server with thousands of leases starts with the very reads of one that has none, and sweeps reading one page', async () => {
  const outside = renter()
  const server = await serveHarness({ engines: [outside.engine], store: memoryStore({ rememberedCommits: 1 }) })
  await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
  const without = await readsOf(server)
  await makeLeases(server, 2_500)
  const withMany = await readsOf(server)
  assert.equal(withMany.atStart, without.atStart)
  assert.ok(withMany.atStart < 40, String(withMany.atStart))
  assert.ok(withMany.bySweep <= 257, String(withMany.bySweep))
  await server.close()
})

test('a sweep reads what is due and one page more, however many are not', async () => {
  const outside = renter()
  const server = await serveHarness({ engines: [outside.engine], store: memoryStore({ rememberedCommits: 1 }) })
  await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
  await makeLeases(server, 2_000)
  server.clock.advance(3600 + 9)
  const { bySweep } = await readsOf(server)
  assert.equal(outside.asked.size, 10)
  // Ten leases with all that hangs on them, and the page that they were on.
  assert.ok(bySweep < 10 * 20 + 2 * 257, String(bySweep))
  await server.close()
})
