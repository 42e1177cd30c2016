/** Made-up ciphertexts, imports, backups and batches, from a seed: each is refused or answered, and none is an error of the server. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { importPrivate, wrappedKey } from './testing-import.ts'
import { base64, quickTypes, transitHarness } from './testing.ts'

const seed = 20_261_128
const types = Object.keys(quickTypes)

/** A server with a key of each type, the derived and the convergent one among them. */
async function prepared() {
  const made = transitHarness(memoryStore(), beginTransaction)
  for (const [type, more] of Object.entries(quickTypes)) await made.write(`keys/${type}`, { type, ...more })
  await made.write('keys/derived', { derived: true })
  await made.write('keys/convergent', { derived: true, convergent_encryption: true })
  return made
}
const names = [...types, 'derived', 'convergent', 'none']

/** What a text of the API could be: near to right, or anything. */
const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => base64(data))
const tagged = fc.tuple(fc.constantFrom('vault:v', 'vault:', 'v', ''), fc.constantFrom('1', '0', '-1', '2', '01', '1e9', '99999999999', 'x', ''), fc.constantFrom(':', '::', ''), fc.oneof(bytes, fc.string({ maxLength: 40 })))
  .map((parts) => parts.join(''))
const anyText = fc.oneof(bytes, tagged, fc.string({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 20 }))
const anyJson = fc.oneof({ weight: 4, arbitrary: anyText }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })
const fields = ['plaintext', 'ciphertext', 'context', 'associated_data', 'input', 'signature', 'hmac', 'key_version', 'reference', 'nonce']
const item = fc.dictionary(fc.constantFrom(...fields), anyJson, { maxKeys: 6 })
const body = fc.oneof(item, fc.record({ batch_input: fc.oneof(fc.array(fc.oneof({ weight: 5, arbitrary: item }, { weight: 1, arbitrary: fc.jsonValue() }), { maxLength: 4 }), fc.jsonValue()) }))
const choices = fc.dictionary(
  fc.constantFrom('hash_algorithm', 'algorithm', 'prehashed', 'signature_algorithm', 'marshaling_algorithm', 'salt_length', 'type', 'convergent_encryption', 'partial_failure_response_code', 'bits'),
  fc.oneof(fc.constantFrom<unknown>('none', 'sha1', 'sha3-512', true, 'pkcs1v15', 'pss', 'jws', 'asn1', 'hash', 'auto', '20', -1, 207, 256, 'rsa-2048', 'chacha20-poly1305'), fc.jsonValue({ maxDepth: 1 })),
  { maxKeys: 4 },
)

const allowed = new Set([200, 204, 207, 400, 404])

test('encrypt, decrypt, rewrap, sign, verify, hmac and data keys, alone and in batches', async () => {
  const { send } = await prepared()
  const operations = fc.constantFrom('encrypt', 'decrypt', 'rewrap', 'sign', 'verify', 'hmac', 'datakey/plaintext')
  await fc.assert(fc.asyncProperty(operations, fc.constantFrom(...names), body, choices, async (operation, name, given, more) => {
    const { status } = await send('POST', `${operation}/${name}`, { ...more, ...given } as JsonObject)
    assert.ok(allowed.has(status) || (status >= 200 && status <= 599 && more['partial_failure_response_code'] === status), `${operation}/${name}: ${status}`)
  }), { seed, numRuns: 1500 })
})

test('imports: wrapped keys with something changed, and anything else', async () => {
  const { send, store } = transitHarness(memoryStore(), beginTransaction)
  await importPrivate(store, send)('first', 'aes256-gcm96', Buffer.alloc(32))
  let count = 0
  const target = fc.uint8Array({ minLength: 1, maxLength: 120 })
  const cut = fc.record({ at: fc.nat(700), bit: fc.nat(7), end: fc.nat(800) })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...types), target, cut, fc.constantFrom('sha1', 'sha256', 'none'), async (type, key, { at, bit, end }, hash) => {
    const wrapped = Buffer.from(wrappedKey(key), 'base64').subarray(0, end)
    if (at < wrapped.length) wrapped[at] = (wrapped[at] ?? 0) ^ (1 << bit)
    for (const path of [`keys/k${count++}/import`, 'keys/first/import_version']) {
      const { status } = await send('POST', path, { type, ciphertext: base64(wrapped), hash_function: hash })
      assert.ok(status === 204 || status === 400, `${type}: ${status}`)
    }
  }), { seed, numRuns: 60 })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...types), target, async (type, key) => {
    const { status } = await send('POST', `keys/p${count++}/import`, { type, ciphertext: wrappedKey(key) })
    assert.ok(status === 204 || status === 400, `${type}: ${status}`)
  }), { seed, numRuns: 60 })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...types), anyText, async (type, pem) => {
    const { status } = await send('POST', `keys/q${count++}/import`, { type, public_key: `-----BEGIN PUBLIC KEY-----\n${pem}\n-----END PUBLIC KEY-----` })
    assert.equal(status, 400)
  }), { seed, numRuns: 100 })
})

test('backups with something changed are restored or refused, and whatever is restored can be used without an error', async () => {
  const file = new URL('../../../../src/engines/transit/testing/openbao.json', import.meta.url)
  const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: { name: string; backup: string }[] }
  const texts = keys.filter(({ name }) => !/rsa-[34]/.test(name)).map(({ backup }) => Buffer.from(backup, 'base64').toString())
  const { send } = transitHarness(memoryStore(), beginTransaction)
  const values = fc.constantFrom('0', '-1', '2', '99', '1e3', 'null', 'true', '""', '"x"', '[]', '{}', '123456789012345678901234567890', '"AAAA"')
  await fc.assert(fc.asyncProperty(fc.nat(texts.length - 1), fc.nat(60), values, async (which, place, value) => {
    const text = texts[which] ?? ''
    const found = [...text.matchAll(/":(?:"[^"]*"|-?\d+|null|true|false)/g)]
    const hit = found[place % found.length]
    const changed = hit === undefined ? text : `${text.slice(0, hit.index + 2)}${value}${text.slice(hit.index + hit[0].length)}`
    const restored = await send('POST', 'restore/k', { backup: base64(changed), force: true })
    assert.ok(restored.status === 204 || restored.status === 400, `${restored.status}: ${changed.slice(0, 80)}`)
    if (restored.status !== 204) return
    const uses = ['encrypt/k', 'decrypt/k', 'sign/k', 'hmac/k', 'keys/k/rotate', 'keys/k/csr']
    for (const use of uses) {
      const { status } = await send('POST', use, { plaintext: 'YQ==', input: 'YQ==', context: 'YQ==', ciphertext: 'vault:v1:AAAA' })
      assert.ok(status === 200 || status === 400, `${use}: ${status}`)
    }
    for (const use of ['keys/k', 'backup/k', 'export/public-key/k', 'export/certificate-chain/k']) {
      const { status } = await send('GET', use)
      assert.ok(status === 200 || status === 400, `${use}: ${status}`)
    }
  }), { seed, numRuns: 250 })
  await fc.assert(fc.asyncProperty(fc.oneof(anyText, fc.jsonValue().map((json) => base64(JSON.stringify(json)))), async (backup) => {
    assert.equal((await send('POST', 'restore/z', { backup })).status, 400)
  }), { seed, numRuns: 200 })
})

test('requests for signatures made out of made-up templates', async () => {
  const { write, send } = transitHarness(memoryStore(), beginTransaction)
  await write('keys/k', { type: 'ecdsa-p256' })
  const { csr } = await write('keys/k/csr')
  const der = Buffer.from((csr as string).replaceAll(/-----[^-]+-----|\n/g, ''), 'base64')
  await fc.assert(fc.asyncProperty(fc.nat(der.length - 1), fc.nat(255), fc.nat(der.length), async (at, byte, end) => {
    const changed = Buffer.from(der.subarray(0, Math.max(end, at)))
    changed[at] = byte
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${base64(changed)}\n-----END CERTIFICATE REQUEST-----`
    const { status } = await send('POST', 'keys/k/csr', { csr: pem })
    assert.ok(status === 200 || status === 400, String(status))
  }), { seed, numRuns: 300 })
})
