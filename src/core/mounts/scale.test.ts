/** What is done with one mount reads nothing of the others, however many there are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'
import { counting } from '../leases/testing/counting.ts'
import { withUnit } from '../unit.ts'
import { enableMount } from './change.ts'

const config = { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false }
const wish = (path: string) => ({ path, kind: 'secret', type: 'kv', description: '', local: false, sealWrap: false, externalEntropy: false, options: { version: '1' }, config }) as const

const makeMounts = (server: ServeHarness, from: number, to: number): Promise<void> => withUnit(async (unit) => {
  for (let i = from; i < to; i++) await enableMount(server.core, unit, wish(`many/${i}/`))
})

/** What a new process reads for each of these, after its first request. */
async function readsOf(server: ServeHarness, round: number): Promise<Record<string, number>> {
  const { store, reads } = counting(server.store)
  const next = await server.sibling({ store })
  await next.ok('read', 'auth/token/lookup-self')
  const record = (await next.core.mounts.at('many/3/'))?.record
  const counts: Record<string, number> = {}
  const count = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const before = reads()
    await work()
    counts[name] = reads() - before
  }
  await count('enable', () => next.ok('write', `sys/mounts/fresh-${round}`, { data: { type: 'kv' } }))
  await count('use', () => next.ok('write', 'many/5/x', { data: { a: 'b' } }))
  await count('look', () => next.ok('read', 'sys/mounts/many/5'))
  await count('by accessor', async () => assert.equal((await next.core.mounts.byAccessor(record?.accessor ?? ''))?.record.path, 'many/3/'))
  await count('by uuid', async () => assert.equal((await next.core.mounts.byUuid(record?.uuid ?? ''))?.record.path, 'many/3/'))
  await count('of another type', async () => assert.deepEqual((await next.core.mounts.ofType('secret', 'transit')), []))
  await count('tune', () => next.ok('write', 'sys/mounts/many/5/tune', { data: { description: `round ${round}` } }))
  await next.close()
  return counts
}

test('to enable, find, use and tune a mount reads as much among a thousand as among ten', async () => {
  const server = await serveHarness({ store: memoryStore({ rememberedCommits: 1 }) })
  await makeMounts(server, 0, 10)
  const few = await readsOf(server, 1)
  await makeMounts(server, 10, 1_000)
  const many = await readsOf(server, 2)
  // Folders of more than one page have leaves to be read.
  for (const [name, reads] of Object.entries(many)) assert.ok(reads <= (few[name] ?? 0) + 16, `${name}: ${few[name]}, then ${reads}`)
  await server.close()
})

test('a mount inside another is refused with its name, at any depth and in any order', async () => {
  const server = await serveHarness()
  await server.ok('write', 'sys/mounts/a/b', { data: { type: 'kv' } })
  for (const path of ['a', 'a/b', 'a/b/c/d']) {
    const refused = await server.request('write', `sys/mounts/${path}`, { data: { type: 'kv' } })
    assert.deepEqual([refused.status, refused.errors], [400, ['path is already in use at a/b/']], path)
  }
  for (const path of ['a/bc', 'a/b%', 'b', 'a/a']) await server.ok('write', `sys/mounts/${path}`, { data: { type: 'kv' } })
  await server.close()
})

test('listing very many mounts lets others have their turn, and OpenAPI describes each of their types once', async () => {
  const server = await serveHarness({ store: memoryStore({ rememberedCommits: 1 }) })
  const described = async (): Promise<string[]> => Object.keys((JSON.parse((await server.request('read', 'sys/internal/specs/openapi')).text) as { paths: object }).paths)
  await makeMounts(server, 0, 90)
  assert.ok((await described()).includes('/many/89/{path}'))
  await makeMounts(server, 90, 1_200)
  let turns = 0
  let isOver = false
  const count = (): void => void (turns++, isOver || setImmediate(count))
  setImmediate(count)
  const listed = Object.keys((await server.ok('read', 'sys/mounts')).data ?? {})
  isOver = true
  assert.deepEqual([listed.filter((path) => path.startsWith('many/')).length, listed], [1_200, listed.toSorted()])
  assert.ok(turns >= 10, `${turns} turns`)
  const paths = await described()
  assert.deepEqual(['/{kv_mount_path}/{path}', '/sys/mounts', '/auth/{token_mount_path}/create', '/many/89/{path}'].map((path) => paths.includes(path)), [true, true, true, false])
  await server.close()
})
