/** The life of keys: what the recordings do not show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChoreCall } from '../../kit/engine.ts'
import type { JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction, runTransaction } from '../../storage/transaction.ts'
import { walk } from '../walk.ts'
import { autoRotation } from './auto-rotate.ts'
import { secretKeyOf } from './material.ts'
import { keys, versions } from './records.ts'
import { base64, transitHarness } from './testing.ts'

const fresh = () => transitHarness(memoryStore(), beginTransaction)

async function keysIn(store: Store): Promise<string[]> {
  const found: string[] = []
  for await (const key of walk(store, '')) found.push(key)
  return found
}

test('twenty rotations at once make twenty versions', async () => {
  const { write, read } = fresh()
  await write('keys/k')
  await Promise.all(Array.from({ length: 20 }, () => write('keys/k/rotate')))
  const { latest_version: latest, keys: shown } = await read('keys/k')
  assert.deepEqual([latest, Object.keys(shown as JsonObject).length], [21, 21])
})

test('of many who make a key at the same time, one does, and all see the same', async () => {
  const { write } = fresh()
  const made = await Promise.all(Array.from({ length: 10 }, () => write('keys/k', { type: 'ed25519' })))
  assert.equal(new Set(made.map((key) => JSON.stringify(key))).size, 1)
  const sealed = await Promise.all(Array.from({ length: 10 }, () => write('encrypt/new', { plaintext: base64('text') })))
  for (const { ciphertext } of sealed) assert.deepEqual(await write('decrypt/new', { ciphertext: ciphertext ?? '' }), { plaintext: base64('text') })
})

test('a deleted key leaves nothing in the store, and one of the same name does not open what the old one sealed', async () => {
  const { write, store, send, refused } = fresh()
  await write('keys/k', { auto_rotate_period: '24h' })
  for (let i = 0; i < 3; i++) await write('keys/k/rotate')
  const { ciphertext } = await write('encrypt/k', { plaintext: base64('text') })
  await write('keys/k/config', { deletion_allowed: true })
  assert.equal((await send('DELETE', 'keys/k')).status, 204)
  assert.deepEqual(await keysIn(store), [])
  await write('keys/k')
  for (let i = 0; i < 3; i++) await write('keys/k/rotate')
  assert.match(await refused('decrypt/k', { ciphertext: ciphertext ?? '' }), /authentication failed/)
})

test('what is trimmed is gone from the store, and cannot come back by configuration', async () => {
  const { write, store, refused } = fresh()
  await write('keys/k')
  const { ciphertext } = await write('encrypt/k', { plaintext: base64('text') })
  for (let i = 0; i < 4; i++) await write('keys/k/rotate')
  await write('keys/k/config', { min_decryption_version: 3, min_encryption_version: 3 })
  assert.equal((await keysIn(store)).filter((key) => key.startsWith('version/')).length, 5)
  await write('keys/k/trim', { min_available_version: 3 })
  assert.equal((await keysIn(store)).filter((key) => key.startsWith('version/')).length, 3)
  assert.match(await refused('keys/k/config', { min_decryption_version: 1, min_encryption_version: 3 }), /min available version/)
  assert.match(await refused('decrypt/k', { ciphertext: ciphertext ?? '' }), /too old/)
})

test('a restore over a key removes the versions of the one before', async () => {
  const { write, read, store } = fresh()
  await write('keys/small', { exportable: true, allow_plaintext_backup: true })
  await write('keys/k')
  for (let i = 0; i < 5; i++) await write('keys/k/rotate')
  const { backup } = await read('backup/small')
  await write('restore/k', { backup: backup ?? '', force: true })
  assert.equal((await keysIn(store)).filter((key) => key.startsWith('version/')).length, 2)
  assert.equal((await read('keys/k'))['latest_version'], 1)
})

test('using a key costs two reads and no write, whatever its number of versions', async () => {
  const { write, run } = fresh()
  await write('keys/k', { type: 'ed25519' })
  for (let i = 0; i < 30; i++) await write('keys/k/rotate')
  const before = { ...run.counts }
  const { signature } = await write('sign/k', { input: base64('text') })
  assert.deepEqual([run.counts.gets - before.gets, run.counts.writes - before.writes], [2, 0])
  await write('verify/k', { input: base64('text'), signature: signature ?? '' })
  assert.deepEqual([run.counts.gets - before.gets, run.counts.writes - before.writes], [4, 0])
})

test('the secret of a version is decoded once', async () => {
  const { write, store } = fresh()
  await write('keys/k')
  const decodedKey = async () => {
    const view = beginTransaction(store)
    const key = await keys.read(view, 'k')
    const version = await versions.read(view, key?.id ?? '', '1')
    assert.ok(version !== null)
    return secretKeyOf(version)
  }
  assert.equal(await decodedKey(), await decodedKey())
})

const hour = 3_600_000
async function runChore({ store, run }: ReturnType<typeof fresh>): Promise<void> {
  const change: ChoreCall['change'] = (work) => runTransaction(store, work)
  const makePassword = async () => ''
  await autoRotation.run({ store, change, mount: run.mount, now: run.clock.now, random: run.random, makePassword, signal: new AbortController().signal })
}

test('a key is rotated when its period is over, not before, and once for each period', async () => {
  const made = fresh()
  const { write, read, run } = made
  await write('keys/daily', { auto_rotate_period: '24h' })
  await write('keys/never')
  const latest = async (name: string) => (await read(`keys/${name}`))['latest_version']
  run.clock.now += 23 * hour
  await runChore(made)
  assert.equal(await latest('daily'), 1)
  run.clock.now += hour
  await Promise.all([runChore(made), runChore(made), runChore(made)])
  assert.deepEqual([await latest('daily'), await latest('never')], [2, 1])
  run.clock.now += 100 * 24 * hour
  await runChore(made)
  assert.equal(await latest('daily'), 3)
  await write('keys/daily/config', { auto_rotate_period: 0 })
  run.clock.now += 100 * 24 * hour
  await runChore(made)
  assert.equal(await latest('daily'), 3)
})

test('rotation by time leaves out keys that were put aside, and thousands of keys are no matter', async () => {
  const made = fresh()
  const { write, read, send, run } = made
  await write('keys/aside', { auto_rotate_period: '1h' })
  await send('DELETE', 'keys/aside/soft-delete')
  for (let i = 0; i < 1100; i++) await write(`keys/k${i}`, { auto_rotate_period: '1h' })
  run.clock.now += 2 * hour
  await runChore(made)
  assert.equal((await read('keys/aside'))['latest_version'], 1)
  for (const i of [0, 499, 500, 501, 1099]) assert.equal((await read(`keys/k${i}`))['latest_version'], 2, String(i))
})

test('a key that was put aside refuses every use until it is restored', async () => {
  const { write, send } = fresh()
  for (const type of ['aes256-gcm96', 'ed25519', 'rsa-2048']) {
    await write(`keys/${type}`, { type, exportable: true, allow_plaintext_backup: true })
    const hmac = (await write(`hmac/${type}`, { input: '' }))['hmac'] ?? ''
    await send('DELETE', `keys/${type}/soft-delete`)
    const uses: [string, string, JsonObject?][] = [
      ['POST', 'encrypt', { plaintext: 'YQ==' }], ['POST', 'decrypt', { ciphertext: 'vault:v1:AAAA' }], ['POST', 'rewrap', { ciphertext: 'vault:v1:AAAA' }],
      ['POST', 'datakey/wrapped'], ['POST', 'sign', { input: 'YQ==' }], ['POST', 'verify', { input: 'YQ==', signature: 'vault:v1:AAAA' }], ['POST', 'hmac', { input: 'YQ==' }],
      ['POST', 'verify', { input: '', hmac }], ['GET', 'backup'], ['GET', 'export/public-key'], ['GET', 'export/hmac-key'],
    ]
    for (const [method, path, body] of uses) assert.equal((await send(method, `${path}/${type}`, body)).status, 400, `${type}: ${path}`)
    for (const path of ['rotate', 'csr', 'set-certificate']) assert.equal((await send('POST', `keys/${type}/${path}`)).status, 400, path)
    assert.equal((await send('GET', `byok-export/rsa-2048/${type}`)).status, 400)
    await write(`keys/${type}/soft-delete-restore`)
    await write(`hmac/${type}`, { input: 'YQ==' })
  }
})

test('while an RSA key is made, other keys are used', async () => {
  const { write } = fresh()
  await write('keys/quick', { type: 'ecdsa-p256' })
  let isMade = false
  const making = write('keys/slow', { type: 'rsa-4096' }).finally(() => (isMade = true))
  for (let i = 0; i < 20; i++) await write('sign/quick', { input: base64('text') })
  assert.equal(isMade, false)
  await making
})

test('what was allowed once cannot be taken back, and what is not exportable does not leave', async () => {
  const { write, read, send } = fresh()
  await write('keys/k', { exportable: true, allow_plaintext_backup: true })
  const after = await write('keys/k/config', { exportable: false, allow_plaintext_backup: false })
  assert.deepEqual([after['exportable'], after['allow_plaintext_backup']], [true, true])
  await write('keys/closed', { type: 'ed25519' })
  for (const path of ['export/signing-key/closed', 'export/hmac-key/closed', 'backup/closed', 'byok-export/k/closed']) assert.equal((await send('GET', path)).status, 400, path)
  assert.doesNotMatch(JSON.stringify(await read('keys/closed')), /secret/)
})
