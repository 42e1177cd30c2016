/** Encryption and decryption: what the recordings do not show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { base64, transitHarness } from './testing.ts'

const fresh = () => transitHarness(memoryStore(), beginTransaction)

test('a nonce in the request changes nothing (CVE-2023-4680): the same request gives other ciphertexts, and the nonce stands in none', async () => {
  const { send, write } = fresh()
  await write('keys/k')
  await write('keys/conv', { derived: true, convergent_encryption: true })
  const nonce = base64('mynonce 12 b')
  const seen = new Set<unknown>()
  for (let i = 0; i < 20; i++) {
    const { data } = await send('POST', 'encrypt/k', { plaintext: base64('text'), nonce })
    seen.add(data?.['ciphertext'])
    assert.ok(!Buffer.from(String(data?.['ciphertext']).slice(9), 'base64').includes('mynonce'))
    const batch = await write('encrypt/k', { batch_input: [{ plaintext: base64('text'), nonce }] })
    seen.add(((batch['batch_results'] as readonly JsonObject[])[0] as JsonObject)['ciphertext'])
  }
  assert.equal(seen.size, 40)
  const convergent = { plaintext: base64('text'), context: base64('c') }
  assert.deepEqual(await write('encrypt/conv', { ...convergent, nonce }), await write('encrypt/conv', convergent))
})

test('convergent encryption gives the same for the same text, context and version, and another for each other', async () => {
  const { write } = fresh()
  await write('keys/k', { type: 'xchacha20-poly1305', derived: true, convergent_encryption: true })
  const seal = async (text: string, context: string) => (await write('encrypt/k', { plaintext: base64(text), context: base64(context) }))['ciphertext']
  const first = await seal('a', 'x')
  assert.equal(await seal('a', 'x'), first)
  assert.equal(new Set([first, await seal('b', 'x'), await seal('a', 'y')]).size, 3)
  await write('keys/k/rotate')
  assert.notEqual(await seal('a', 'x'), first)
})

test('a batch of a thousand is one answer in order, and other requests are answered meanwhile', async () => {
  const { write } = fresh()
  await write('keys/k')
  const items = Array.from({ length: 1000 }, (_, i) => ({ plaintext: base64(`text ${i}`), reference: String(i) }))
  let isDone = false
  const batch = write('encrypt/k', { batch_input: items }).finally(() => (isDone = true))
  await new Promise(setImmediate)
  await write('hmac/k', { input: base64('other') })
  assert.equal(isDone, false)
  const results = (await batch)['batch_results'] as readonly JsonObject[]
  assert.deepEqual(results.map(({ reference }) => reference), items.map(({ reference }) => reference))
  const sealed = results.map(({ ciphertext }) => ({ ciphertext: ciphertext ?? '' }))
  const opened = (await write('decrypt/k', { batch_input: sealed }))['batch_results'] as readonly JsonObject[]
  assert.deepEqual(opened.map(({ plaintext }) => plaintext), items.map(({ plaintext }) => plaintext))
})

test('in a batch each item has its own version, context and associated data, and its own error', async () => {
  const { write, send } = fresh()
  await write('keys/k')
  await write('keys/k/rotate')
  const batch = await send('POST', 'encrypt/k', { batch_input: [
    { plaintext: base64('a'), key_version: 1 }, { plaintext: base64('b'), associated_data: base64('ad') }, { plaintext: '%' }, { plaintext: base64('d'), key_version: 3 }, { plaintext: base64('e'), associated_data: '%' },
  ] })
  assert.equal(batch.status, 400)
  const results = batch.data?.['batch_results'] as readonly JsonObject[]
  assert.deepEqual(results.map((result) => result['key_version'] ?? result['error']), [1, 2, 'illegal base64 data at input byte 0',
    'requested version for encryption is higher than the latest key version', 'unable to get associated_data: illegal base64 data at input byte 0'])
})

test('a batch in which nothing can be encrypted makes no key, nor does one that is malformed', async () => {
  const { send } = fresh()
  for (const body of [{ batch_input: [{}] }, { batch_input: [{ plaintext: 1 }] }, { plaintext: '%' }, { plaintext: 'YQ==', context: '%' }, { batch_input: [{ plaintext: '%' }] }]) {
    assert.equal((await send('POST', 'encrypt/new', body)).status, 400)
    assert.equal((await send('GET', 'keys/new')).status, 404, JSON.stringify(body))
  }
})

test('partial_failure_response_code is taken where it can carry the results, and otherwise there is a warning', async () => {
  const { send, write } = fresh()
  await write('keys/k')
  const status = async (code: number) => {
    const answer = await send('POST', 'encrypt/k', { partial_failure_response_code: code, batch_input: [{ plaintext: 'YQ==' }, { plaintext: '%' }] })
    return [answer.status, answer.warnings.length]
  }
  for (const code of [200, 207, 422, 599]) assert.deepEqual(await status(code), [code, 0])
  for (const code of [0, 100, 199, 204, 205, 304, 600, -1]) assert.deepEqual(await status(code), [400, 1], String(code))
})

test('whether a write of encrypt makes a key or uses one decides which capability it needs', async () => {
  const { run, write } = fresh()
  assert.equal(await run.capability('encrypt/k'), 'create')
  await write('encrypt/k', { plaintext: 'YQ==' })
  assert.equal(await run.capability('encrypt/k'), 'update')
})

test('data keys of each size are what their ciphertext holds', async () => {
  const { write } = fresh()
  await write('keys/k', { type: 'aes128-gcm96', derived: true })
  for (const bits of [128, 256, 512]) {
    const { plaintext, ciphertext } = await write('datakey/plaintext/k', { bits, context: base64('c'), associated_data: base64('a') })
    assert.equal(Buffer.from(plaintext as string, 'base64').length, bits / 8)
    assert.deepEqual(await write('decrypt/k', { ciphertext: ciphertext ?? '', context: base64('c'), associated_data: base64('a') }), { plaintext })
  }
})

test('texts of every length up to a megabyte come back', async () => {
  const { write } = fresh()
  await write('keys/k')
  for (const length of [0, 1, 15, 16, 17, 1000, 1 << 20]) {
    const plaintext = base64(Buffer.alloc(length, 7))
    const { ciphertext } = await write('encrypt/k', { plaintext })
    assert.deepEqual(await write('decrypt/k', { ciphertext: ciphertext ?? '' }), { plaintext })
  }
})
