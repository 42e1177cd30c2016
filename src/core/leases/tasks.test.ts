/** Revoking very many leases at once: the answer does not wait for all of them, nothing is lost, and whoever asks is told how far it has come. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { checkState } from '../check/state.ts'
import { findToken } from '../tokens/find.ts'
import { withUnit } from '../unit.ts'
import { issueLease } from './issue.ts'
import { listTasks, resumeRevocationTasks } from './tasks.ts'
import { renter, type Renter } from './testing/renter.ts'

async function makeLeases({ core, rootToken }: ServeHarness, outside: Renter, count: number): Promise<void> {
  const mount = await core.mounts.at('a/')
  const holder = await findToken(core, rootToken)
  assert.ok(mount !== null && holder !== null)
  await withUnit(async (unit) => {
    for (let i = 0; i < count; i++) {
      await issueLease(core, unit, mount, `a/creds/n${i % 3}`, holder, { kind: 'creds', ttlSeconds: 3600, maxTtlSeconds: 0, renewable: true, internal: { name: `n${i}`, mount: 'a/' } })
      outside.valid.add(`a/n${i}`)
    }
  })
}

async function withLeases(count: number, work: (server: ServeHarness, outside: Renter) => Promise<void>): Promise<void> {
  const outside = renter()
  const server = await serveHarness({ engines: [outside.engine] })
  try {
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
    await makeLeases(server, outside, count)
    await work(server, outside)
    await server.sweep()
    assert.deepEqual(await checkState(server.core, { isSettled: true }), [])
  } finally {
    await server.close()
  }
}

const progress = async (server: ServeHarness) => (await server.ok('read', 'sys/leases/revocations')).data?.['revocations'] as Record<string, unknown>[]

test('a prefix with few leases is empty when the answer comes, and no task is left', () => withLeases(200, async (server, outside) => {
  await server.ok('write', 'sys/leases/revoke-prefix/a')
  assert.deepEqual([outside.valid.size, await progress(server)], [0, []])
}))

test('a prefix with many is answered after a piece, shows its progress, and is finished by the process that leads, also after a crash', () => withLeases(700, async (server, outside) => {
  await server.ok('write', 'sys/leases/revoke-prefix/a')
  const [shown, ...others] = await progress(server)
  assert.deepEqual([shown?.['prefix'], shown?.['revoked'], shown?.['left'], shown?.['waiting'], others], ['a/', 256, 444, 0, []])
  server.clock.advance(1)
  const later = await server.ok('read', 'a/creds/later')
  // Whoever was asked is gone; another process leads.
  const next = await server.sibling()
  assert.equal(await resumeRevocationTasks(next.core), 1)
  assert.deepEqual([...outside.valid], ['a/later'])
  assert.deepEqual(await listTasks(next.core), [])
  await next.close()
  await server.ok('write', 'sys/leases/revoke', { data: { lease_id: later.body?.['lease_id'] ?? '', sync: true } })
}))

test('one whose first piece never ended is gone on with when its time is over', () => withLeases(300, async (server, outside) => {
  let isDead = false
  let wake = (): void => undefined
  const hangs = new Promise<void>((resolve) => (wake = resolve))
  outside.wait = async () => (isDead ? undefined : await hangs)
  const first = server.request('write', 'sys/leases/revoke-prefix/a')
  while (outside.asked.size === 0) await new Promise((resolve) => setImmediate(resolve))
  isDead = true
  const next = await server.sibling()
  assert.equal(await resumeRevocationTasks(next.core), 0)
  server.clock.advance(121)
  assert.equal(await resumeRevocationTasks(next.core), 1)
  assert.deepEqual([outside.valid.size, await listTasks(next.core)], [0, []])
  wake()
  assert.equal((await first).status, 204)
  await next.close()
}))

test('a backend that only fails is asked a few times, and its leases wait for the sweeper, each with the reason or its turn', () => withLeases(600, async (server, outside) => {
  outside.failure = () => 'the other side is away'
  await server.ok('write', 'sys/leases/revoke-prefix/a')
  assert.ok(outside.asked.size < 40, String(outside.asked.size))
  await resumeRevocationTasks(server.core)
  assert.ok(outside.asked.size < 80, String(outside.asked.size))
  assert.equal(outside.valid.size, 600)
  outside.failure = () => null
  server.clock.advance(60)
  await server.sweep()
  assert.equal(outside.valid.size, 0)
}))
