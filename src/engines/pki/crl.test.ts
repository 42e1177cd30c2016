/** Lists of very many, and lists that are asked for while others revoke. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { parseRevocationList } from '../../crypto/x509/crl.ts'
import type { Store } from '../../kit/store.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { resolveIssuer } from './authority.ts'
import { currentList } from './crl.ts'
import { groupOf, pageMax } from './revoked.ts'
import { textOf, withRoot, type Authority } from './testing/authority.ts'

const none = (): Promise<never> => Promise.reject(new Error('the key is in the store'))
const managedKeys = { describe: none, sign: none }

const revokeOne = async ({ ok }: Authority): Promise<string> => {
  const serial = textOf(await ok('POST', 'issue/any', { common_name: 'a.example.com' }), 'serial_number')
  await ok('POST', 'revoke', { serial_number: serial })
  return serial
}

async function fetchList({ run }: Authority): Promise<Buffer> {
  const { bytes, status } = await run.send('GET', 'crl')
  assert.equal(status, 200)
  assert.ok(bytes)
  return Buffer.from(bytes)
}

const count = (der: Uint8Array): number => parseRevocationList(der).entries.length

/** Full pages of revoked certificates that nobody has, as revoking them one by one would leave them. */
async function fill(store: Store, group: string, pages: number): Promise<void> {
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const entries = Array.from({ length: pageMax }, () => [`40${randomBytes(19).toString('hex')}`, 0, 4_000_000_000_000])
  const value = json({ entries })
  await store.commit([], Array.from({ length: pages }, (_, page) => ({ put: `.crl/${group}/page/${page}`, value })))
  await store.commit([], [{ put: `.crl/${group}/head`, value: json({ page: pages, count: 0, first: 0, total: pages * pageMax, epoch: 0 }) }])
}

test('a list that is larger than what a value may hold is kept in pieces, and in fewer when it has become smaller', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  const group = groupOf(await resolveIssuer(beginTransaction(store), 'default'))
  const keys = async (): Promise<string[]> => (await store.list(`.crl/${group}/`)).filter((name) => name.startsWith('complete'))
  const pages = 2400
  await fill(store, group, pages)
  const first = await fetchList(one)
  const entryBytes = 39
  assert.ok(Math.abs(first.length - pages * pageMax * entryBytes) < 1000, `${first.length} bytes`)
  assert.deepEqual(await keys(), ['complete', 'complete.1'])
  assert.deepEqual(await fetchList(one), first)
  await one.ok('POST', 'config/crl', { disable: true })
  assert.equal(count(await fetchList(one)), 0)
  assert.deepEqual(await keys(), ['complete'])
})

test('a revocation that comes while a list is built does not undo the work, and stands in the next one', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  await revokeOne(one)
  const view = beginTransaction(store)
  const der = await currentList({ store: view, now: one.run.clock.now, managedKeys }, await resolveIssuer(view, 'default'), 'complete')
  await revokeOne(one)
  await view.commitWith()
  assert.equal(count(der ?? Buffer.alloc(0)), 1)
  assert.equal(count(await fetchList(one)), 2)
})

test('of many that ask for a list at once, one builds it', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  await revokeOne(one)
  const lists = await Promise.all(Array.from({ length: 5 }, async () => {
    const view = beginTransaction(store)
    return await currentList({ store: view, now: one.run.clock.now, managedKeys }, await resolveIssuer(view, 'default'), 'complete')
  }))
  assert.equal(new Set(lists.map((der) => der?.toString('hex'))).size, 1)
})

test('a page that an earlier version had filled further is left for a new one', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  const group = groupOf(await resolveIssuer(beginTransaction(store), 'default'))
  const entries = Array.from({ length: 300 }, (_, i) => [`40${String(i).padStart(38, '0')}`, 0, 4_000_000_000_000])
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  await store.commit([], [
    { put: `.crl/${group}/page/0`, value: json({ entries }) }, { put: `.crl/${group}/head`, value: json({ page: 0, count: 300, first: 0, total: 300, epoch: 0 }) },
  ])
  for (let i = 0; i < 3; i++) await revokeOne(one)
  assert.deepEqual(await store.list(`.crl/${group}/page/`), ['0', '1'])
  assert.equal(count(await fetchList(one)), 303)
})
