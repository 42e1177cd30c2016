import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChoreRunner } from '../../core/mounts/chores.ts'
import type { Store } from '../../kit/store.ts'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'
import { tidySecretIds } from './drop.ts'

const at = (path: string): string => `auth/approle/${path}`

interface Subject {
  readonly server: ServeHarness
  readonly tree: Store
  /** Writes of the largest commit so far. */
  readonly largest: () => number
  /** After so many more commits the store refuses, as after a crash. */
  readonly failAfter: (commits: number) => void
}

async function start(): Promise<Subject> {
  let [largest, left] = [0, Infinity]
  const memory = memoryStore()
  const store: Store = {
    ...memory,
    async commit(expectations, writes) {
      if (left-- <= 0) throw new Error('the store is gone')
      largest = Math.max(largest, writes.length)
      return await memory.commit(expectations, writes)
    },
  }
  const server = await serveHarness({ store })
  await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
  const mount = await server.core.mounts.at('auth/approle/')
  assert.ok(mount !== null)
  return { server, tree: mount.store, largest: () => largest, failAfter: (commits) => void (left = commits) }
}

async function makeSecretIds(server: ServeHarness, role: string, count: number, data = {}): Promise<void> {
  await server.ok('write', at(`role/${role}`))
  for (let i = 0; i < count; i++) await server.ok('write', at(`role/${role}/secret-id`), { data })
}

const accessorFolders = (tree: Store): Promise<string[]> => tree.list('accessor/')

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await isTrue()) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  assert.fail('it did not come to that')
}

test('deleting a role removes its secret ids, few of them in the same commit', async () => {
  const { server, tree } = await start()
  await makeSecretIds(server, 'few', 3)
  await server.ok('delete', at('role/few'))
  assert.deepEqual(await accessorFolders(tree), [])
  await server.close()
})

test('deleting a role with many secret ids answers after a bounded commit, and the others go in bounded pieces', async () => {
  const { server, tree, largest } = await start()
  await makeSecretIds(server, 'many', 1_200)
  await server.ok('delete', at('role/many'))
  await until(async () => (await accessorFolders(tree)).length === 0)
  assert.ok(largest() <= 2_000, `a commit had ${largest()} writes`)
  await server.close()
})

test('what a crash left of a deleted role is removed by tidying, and nothing of living roles', async () => {
  const { server, tree, failAfter } = await start()
  await makeSecretIds(server, 'dead', 700)
  await makeSecretIds(server, 'alive', 3)
  failAfter(2)
  await server.ok('delete', at('role/dead'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  failAfter(Infinity)
  assert.equal((await accessorFolders(tree)).length, 2)
  await tidySecretIds(tree, server.clock.now())
  assert.equal((await accessorFolders(tree)).length, 1)
  assert.equal((await server.ok('list', at('role/alive/secret-id'))).keys.length, 3)
  await server.close()
})

test('tidying removes secret ids that have expired, and leaves the others', async () => {
  const { server, tree } = await start()
  await makeSecretIds(server, 'web', 300, { ttl: 60 })
  await makeSecretIds(server, 'web', 2)
  server.clock.advance(59)
  await tidySecretIds(tree, server.clock.now())
  const left = async (): Promise<number> => (await server.ok('list', at('role/web/secret-id'))).keys.length
  assert.equal(await left(), 302)
  server.clock.advance(1)
  const answer = await server.request('write', at('tidy/secret-id'))
  assert.deepEqual([answer.status, answer.warnings.length], [202, 1])
  await until(async () => (await left()) === 2)
  await server.close()
})

test('tidying recurs by itself', async () => {
  const { server, tree } = await start()
  await makeSecretIds(server, 'web', 2, { ttl: 60 })
  const runner = new ChoreRunner(server.core)
  const run = async (): Promise<void> => {
    await runner.pass()
    await runner.settle()
  }
  await run()
  server.clock.advance(3_599)
  await run()
  assert.equal((await accessorFolders(tree)).length, 1)
  server.clock.advance(1)
  await run()
  assert.deepEqual(await accessorFolders(tree), [])
  await server.close()
})
