/** The folders of leases: listed in order and page by page, and never gone from above a lease, whoever tidies meanwhile. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkServer, withServer } from '../../request/testing/checked-server.ts'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import type { Store } from '../../kit/store.ts'
import { opaqueStore } from '../base.ts'
import { withUnit } from '../unit.ts'
import { leasesUnder, listFolder, tidyFolders, writeLease } from './folders.ts'
import { folderOf, leaseRecords, parseExpiryName, parseLeaseReference, placeOf, tokenExpiryKey, type LeaseRecord } from './record.ts'

/** No real lease, so that nothing else has to fit: these tests check folders alone. */
const leaseAt = (id: string): LeaseRecord => ({ id, tokenHash: 'f'.repeat(64), secret: null })
const write = (server: ServeHarness, ...ids: readonly string[]): Promise<void> =>
  withUnit(async (unit) => {
    for (const id of ids) await writeLease(server.core, unit.on(opaqueStore(server.core)), leaseAt(id))
  })
async function remove({ core }: ServeHarness, id: string): Promise<void> {
  const { folder, suffix } = placeOf(core, id)
  await opaqueStore(core).commit([], [{ del: leaseRecords.key(folder, suffix) }])
}
async function idsUnder({ core }: ServeHarness, folder: string, pieceMax?: number): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of leasesUnder(core, folder, pieceMax)) ids.push(id)
  return ids.sort()
}

const withFolders = (work: (server: ServeHarness) => Promise<void>) => async (): Promise<void> => {
  const server = await serveHarness()
  await work(server)
  await server.close()
}

describe('listing', () => {
  test('folders and leases are in one order, however the pages are cut', withFolders(async (server) => {
    const ids = ['Zebra', 'b/1', 'b/2', 'ba', 'a/x/1', 'é/1', '\u{1F511}/1', 'c', 'hABC', '\uFFFD'].map((name) => `top/${name}`)
    await write(server, ...ids)
    const expected = ['Zebra', 'a/', 'b/', 'ba', 'c', 'hABC', 'é/', '\uFFFD', '\u{1F511}/']
    assert.deepEqual(await listFolder(server.core, 'top/'), expected)
    for (const limit of [1, 2, 3, 5]) {
      const paged: string[] = []
      for (let page = await listFolder(server.core, 'top/', { limit }); page.length > 0; page = await listFolder(server.core, 'top/', { limit, after: paged.at(-1) as string })) paged.push(...page)
      assert.deepEqual(paged, expected, `pages of ${limit}`)
    }
    assert.deepEqual(await listFolder(server.core, 'top/a/'), ['x/'])
  }))

  test('a folder that holds nothing any more is not shown, nor one of which only folders are left', withFolders(async (server) => {
    await write(server, 'top/a/b/1', 'top/c/1')
    await remove(server, 'top/a/b/1')
    assert.deepEqual(await listFolder(server.core, 'top/'), ['c/'])
    assert.deepEqual(await listFolder(server.core, 'top/a/'), [])
    assert.deepEqual(await listFolder(server.core, 'nowhere/'), [])
  }))

  test('every lease below a folder is found, in pieces of any size', withFolders(async (server) => {
    const ids = Array.from({ length: 7 }, (_, i) => [`top/${i}`, `top/deep/er/${i}`, `other/${i}`]).flat()
    await write(server, ...ids)
    const below = ids.filter((id) => id.startsWith('top/')).sort()
    for (const piece of [1, 3, 7, 100]) assert.deepEqual(await idsUnder(server, 'top/', piece), below)
    assert.deepEqual(await idsUnder(server, ''), [...(await idsUnder(server, 'auth/')), ...ids].sort())
  }))

  test('names that clients chose are not readable in the keys', withFolders(async (server) => {
    await write(server, 'top/somebodys-secret-name/1')
    const seen: string[] = []
    const walk = async (prefix: string): Promise<void> => {
      for (const name of await server.store.list(prefix)) {
        if (name.endsWith('/')) await walk(prefix + name)
        else seen.push(prefix + name)
      }
    }
    await walk('')
    assert.ok(seen.length > 10 && !seen.some((key) => key.includes('somebodys')))
  }))
})

describe('tidying', () => {
  test('forgets the folders that hold nothing, from below, and keeps the others', withFolders(async (server) => {
    await write(server, 'top/a/b/1', 'top/a/2', 'top/c/d/e/3')
    await remove(server, 'top/a/b/1')
    await remove(server, 'top/c/d/e/3')
    assert.equal(await tidyFolders(server.core), 4)
    assert.deepEqual(await listFolder(server.core, 'top/'), ['a/'])
    assert.equal(await tidyFolders(server.core), 0)
    await write(server, 'top/c/d/e/4')
    assert.deepEqual(await idsUnder(server, 'top/'), ['top/a/2', 'top/c/d/e/4'])
  }))

  /** Another process that tidies; `before` runs before each of its steps at the store. */
  async function tidier(server: ServeHarness, before: (step: 'get' | 'list' | 'commit') => Promise<void>): Promise<ServeHarness> {
    const { store } = server
    const hooked: Store = {
      ...store,
      get: async (key) => (await before('get'), await store.get(key)),
      list: async (...args) => (await before('list'), await store.list(...args)),
      commit: async (...args) => (await before('commit'), await store.commit(...args)),
    }
    return await server.sibling({ store: hooked })
  }

  test('a folder that tidying marked and then left is there like any other', withFolders(async (server) => {
    await write(server, 'top/a/1')
    await remove(server, 'top/a/1')
    let commits = 0
    const other = await tidier(server, async (step) => {
      if (step === 'commit' && (commits += 1) === 2) throw new Error('the machine stopped')
    })
    await assert.rejects(tidyFolders(other.core, 'top/'), /the machine stopped/)
    await other.close()
    await write(server, 'top/a/2')
    assert.deepEqual(await listFolder(server.core, 'top/'), ['a/'])
    assert.equal(await tidyFolders(server.core, 'top/'), 0)
    assert.deepEqual(await idsUnder(server, 'top/'), ['top/a/2'])
  }))

  test('a lease that is written at any moment of the tidying lies in folders that are there', withFolders(async (server) => {
    let countdown = Infinity
    let name = ''
    let written = Promise.resolve()
    const other = await tidier(server, async () => {
      if ((countdown -= 1) === 0) await (written = write(server, name))
    })
    for (let moment = 1; ; moment++) {
      await write(server, 'top/a/b/0')
      await remove(server, 'top/a/b/0')
      name = `top/a/b/${moment}`
      countdown = moment
      await tidyFolders(other.core, 'top/')
      await written // The barrier counts its encryptions in commits of their own, which nobody waits for.
      if (countdown > 0) {
        assert.ok(moment > 10, 'tidying takes more steps than that')
        return await other.close()
      }
      assert.deepEqual(await idsUnder(server, 'top/'), [name])
      await remove(server, name)
      await tidyFolders(server.core)
    }
  }))

  test('a lease whose writer had read its folder before tidying began still finds it', withFolders(async (server) => {
    const { core } = server
    await write(server, 'top/a/1')
    await remove(server, 'top/a/1')
    let runs = 0
    await withUnit(async (unit) => {
      await writeLease(core, unit.on(opaqueStore(core)), leaseAt('top/a/2'))
      if ((runs += 1) === 1) assert.equal(await tidyFolders(core, 'top/'), 1)
    })
    assert.equal(runs, 2)
    assert.deepEqual(await idsUnder(server, 'top/'), ['top/a/2'])
  }))

  test('tokens are made and revoked while others tidy, and every one is listed', async () => {
    await withServer(async (server) => {
      const make = async (i: number): Promise<string> => String((await server.ok('write', 'auth/token/create-orphan', { data: { ttl: '1h', policies: ['default'], display_name: `t${i}` } })).auth?.['client_token'])
      for (let round = 0; round < 10; round++) {
        const [first] = await Promise.all([make(round), server.ok('write', 'sys/leases/tidy'), tidyFolders(server.core)])
        assert.ok((await listFolder(server.core, 'auth/token/')).includes('create-orphan/'))
        await Promise.all([server.ok('write', 'auth/token/revoke', { data: { token: first } }), tidyFolders(server.core)])
      }
      await checkServer(server)
    })
  })
})

test('keys of the index of expiry say when and what, and come in the order of their times', async () => {
  const key = tokenExpiryKey(1_700_000_000_123, 'ab'.repeat(32))
  assert.deepEqual(parseExpiryName(key.slice('expiry/'.length)), { dueAt: 1_700_000_000_123, kind: 'token', reference: 'ab'.repeat(32) })
  assert.deepEqual(parseLeaseReference(`${'a'.repeat(40)}.suffix.with.dots`), { folder: 'a'.repeat(40), suffix: 'suffix.with.dots' })
  const times = [-5, 0, 1, 999, 1_700_000_000_000, 1_700_000_000_001, 10_000_000_000_000]
  const keys = times.map((time) => tokenExpiryKey(time, 'x'))
  assert.deepEqual(keys.toSorted(), keys)
  assert.equal(folderOf('auth/a/login/x'), 'auth/a/login/')
  assert.equal(folderOf('auth/a/login/'), 'auth/a/')
  assert.equal(folderOf('auth/'), '')
})
