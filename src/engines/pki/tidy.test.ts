/** Tidying, whether serial numbers tell when certificates end or not, and what one that is kept costs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../kit/store.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { certificateKey, expiryFolder, hourFolder } from './certificates.ts'
import { revokedFolder } from './revoked.ts'
import { dashed, firstEnding, firstTelling, serialFor, tellsEnd } from './serials.ts'
import { derOf, textOf, withRoot, type Authority } from './testing/authority.ts'

const hour = 3_600_000
const zeros = (bytes: number): Uint8Array => new Uint8Array(bytes)
const nameOf = (serial: Uint8Array): string => Buffer.from(serial).toString('hex').replaceAll(/(..)(?=.)/g, '$1-')

async function issue({ ok }: Authority): Promise<{ readonly serial: string; readonly der: Buffer; readonly notAfter: number }> {
  const data = await ok('POST', 'issue/any', { common_name: 'a.example.com' })
  return { serial: textOf(data, 'serial_number'), der: derOf(textOf(data, 'certificate')), notAfter: Number(data['expiration']) * 1000 }
}

const stored = async (store: Store): Promise<string[]> => store.list('certs/')

async function tidy({ ok, run }: Authority): Promise<unknown> {
  await ok('POST', 'tidy', { tidy_cert_store: true, tidy_revoked_certs: true, safety_buffer: '1s', page_size: 2 })
  await run.chore('tidy')
  const status = await ok('GET', 'tidy-status')
  return [status['state'], status['cert_store_deleted_count'], status['revoked_cert_deleted_count']]
}

test('a serial number tells the end of its certificate and sorts by it, and thirteen bytes of it are random', () => {
  const ends = [0, 999_999_000, 1_000_000_000_000, 4_000_000_000_000, 253_402_300_799_000]
  const names = ends.map((at) => nameOf(serialFor(at, 0, zeros)))
  assert.deepEqual(names.toSorted(), names)
  for (const [i, name] of names.entries()) {
    assert.ok(firstTelling < name)
    assert.deepEqual(ends.filter((at) => tellsEnd(name, at)), [ends[i]])
    assert.ok(firstEnding(ends[i] ?? 0) < name && name < firstEnding((ends[i] ?? 0) + 1000))
  }
  const [low, high] = [serialFor(0, 0, zeros), serialFor(0, 0, (bytes) => new Uint8Array(bytes).fill(0xff))]
  assert.equal(low.length, 20)
  assert.equal(low.findIndex((byte, i) => byte !== high[i]), 7)
  assert.deepEqual(low.subarray(7), Buffer.alloc(13))
  assert.deepEqual(high.subarray(7), Buffer.alloc(13, 0xff))
})

test('an end that no serial number can tell leaves it random', () => {
  const serial = serialFor(-1000, 0, zeros)
  assert.equal(serial[0], 0x40)
  assert.ok(!tellsEnd(nameOf(serial), -1000))
})

test('a certificate stands in one folder, and in another when it is revoked', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  const { serial, notAfter } = await issue(one)
  assert.ok(tellsEnd(dashed(serial), notAfter))
  await one.ok('POST', 'revoke', { serial_number: serial })
  assert.deepEqual(await store.list(''), ['.ca', '.crl/', '.issuer/', '.key/', 'certs/', 'revoked/', 'roles/'])
  assert.deepEqual(await store.list(revokedFolder), [dashed(serial)])
})

test('what an earlier version kept by the hour is tidied along with what tells its end', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  const root = await stored(store)
  const issued = [await issue(one), await issue(one), await issue(one)]
  const first = issued[0]
  assert.ok(first)
  const old = ['5a', '6b', '7c'].map((byte) => Array(20).fill(byte).join('-'))
  for (const name of old) {
    await store.commit([], [{ put: certificateKey(name), value: first.der }, { put: `${expiryFolder}${hourFolder(first.notAfter)}/${name}`, value: Uint8Array.of(1) }])
  }
  assert.deepEqual(await tidy(one), ['Finished', 0, 0])
  assert.equal((await stored(store)).length, root.length + 6)
  one.run.clock.now += 2 * hour
  assert.deepEqual(await tidy(one), ['Finished', 6, 0])
  assert.deepEqual(await stored(store), root)
  assert.deepEqual(await store.list(expiryFolder), [])
})

test('a serial number that only looks as if it told an end decides nothing', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  await one.ok('POST', 'roles/long', { allow_any_name: true, key_type: 'ec', ttl: '500h' })
  const long = await one.ok('POST', 'issue/long', { common_name: 'b.example.com' })
  const liar = nameOf(serialFor(0, 0, zeros))
  await store.commit([], [{ put: certificateKey(liar), value: derOf(textOf(long, 'certificate')) }, { put: certificateKey(nameOf(serialFor(1000, 0, zeros))), value: Buffer.from('no certificate') }])
  const { serial } = await issue(one)
  one.run.clock.now += 2 * hour
  const before = await stored(store)
  assert.deepEqual(await tidy(one), ['Finished', 1, 0])
  assert.deepEqual(await stored(store), before.filter((name) => name !== dashed(serial)))
})

test('revoked certificates go by their ends in both forms', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  const [kept, gone] = [await issue(one), await issue(one)]
  await one.ok('POST', 'revoke', { serial_number: gone.serial })
  const record = await store.get(revokedFolder + dashed(gone.serial))
  assert.ok(record)
  const old = Array(20).fill('5a').join('-')
  await store.commit([], [{ put: revokedFolder + old, value: record.value }, { put: `revoked-expiry/${hourFolder(gone.notAfter)}/${old}`, value: Uint8Array.of(1) }])
  one.run.clock.now += 2 * hour
  assert.deepEqual(await tidy(one), ['Finished', 2, 2])
  assert.deepEqual(await store.list(revokedFolder), [])
  assert.ok(!(await stored(store)).includes(dashed(kept.serial)))
})
