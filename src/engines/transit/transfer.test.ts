/** Keys that come and go: imports, exports, requests for certificates, key agreement. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { integer, octetString, oid, sequence } from '../../crypto/der.ts'
import type { JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { importPrivate, wrappedKey } from './testing-import.ts'
import { base64, transitHarness } from './testing.ts'

const fresh = () => transitHarness(memoryStore(), beginTransaction)
const pkcs8 = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'pkcs8' })
const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString()

const pairs = {
  'rsa-2048': generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'ecdsa-p256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'ecdsa-p521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: generateKeyPairSync('ed25519'),
} as const

test('an imported key is the key that was imported: what it signs verifies elsewhere, and it is exported as it came', async () => {
  const { write, read, send, store } = fresh()
  const imported = importPrivate(store, send)
  for (const [type, { privateKey, publicKey }] of Object.entries(pairs)) {
    await imported(type, type, pkcs8(privateKey), { exportable: true })
    const { signature } = await write(`sign/${type}`, { input: base64('text'), signature_algorithm: 'pkcs1v15' })
    const bytes = Buffer.from((signature as string).slice('vault:v1:'.length), 'base64')
    assert.ok(verify(type === 'ed25519' ? null : 'sha256', Buffer.from('text'), publicKey, bytes), type)
    const { keys } = await read(`export/signing-key/${type}/latest?format=der`)
    assert.ok(createPrivateKey({ key: Buffer.from((keys as JsonObject)['1'] as string, 'base64'), format: 'der', type: 'pkcs8' }).equals(privateKey), type)
    assert.equal((await read(`keys/${type}`))['imported_key'], true)
    assert.equal((await send('POST', `keys/${type}/rotate`)).status, 400)
  }
})

test('each hash function wraps, in any case, and one that was not used does not open', async () => {
  const { write, refused, send, store } = fresh()
  await importPrivate(store, send)('k0', 'aes128-gcm96', Buffer.alloc(16, 1))
  for (const hash of ['SHA1', 'sha224', 'Sha256', 'SHA384', 'SHA512']) {
    await write(`keys/${hash}/import`, { type: 'AES256-GCM96', hash_function: hash, ciphertext: wrappedKey(Buffer.alloc(32, 1), hash.toLowerCase()) })
  }
  assert.match(await refused('keys/k1/import', { ciphertext: wrappedKey(Buffer.alloc(32), 'sha1') }), /not wrapped/)
  assert.match(await refused('keys/k1/import', { ciphertext: wrappedKey(Buffer.alloc(31)) }), /invalid key size 31/)
  assert.match(await refused('keys/k1/import', { type: 'hmac', ciphertext: wrappedKey(Buffer.alloc(31)) }), /invalid key size/)
  assert.match(await refused('keys/k1/import', { type: 'hmac', ciphertext: wrappedKey(Buffer.alloc(513)) }), /invalid key size/)
  assert.match(await refused('keys/k1/import', { ciphertext: wrappedKey(Buffer.alloc(32)), convergent_encryption: true }), /convergent/)
  assert.match(await refused('keys/k1/import', { ciphertext: wrappedKey(Buffer.alloc(32)), auto_rotate_period: '30m', allow_rotation: true }), /an hour/)
})

test('keys of another type, size or curve are refused, and so are halves that do not belong together', async () => {
  const { refused, send, store } = fresh()
  await importPrivate(store, send)('k0', 'aes128-gcm96', Buffer.alloc(16, 1))
  const attempt = (type: string, key: Uint8Array) => refused('keys/k1/import', { type, ciphertext: wrappedKey(key) })
  assert.match(await attempt('rsa-3072', pkcs8(pairs['rsa-2048'].privateKey)), /3072 bits/)
  assert.match(await attempt('ecdsa-p256', pkcs8(pairs['ecdsa-p384'].privateKey)), /curve P-256/)
  assert.match(await attempt('ed25519', pkcs8(pairs['ecdsa-p256'].privateKey)), /expected ed25519/)
  assert.match(await attempt('ed25519', pkcs8(generateKeyPairSync('x25519').privateKey)), /expected ed25519/)
  assert.match(await attempt('rsa-2048', Buffer.from('hello')), /PKCS #8/)
  const der = pkcs8(pairs['rsa-2048'].privateKey)
  der[der.length - 60] = (der[der.length - 60] ?? 0) ^ 1
  assert.match(await attempt('rsa-2048', der), /belong together|PKCS #8/)
})

test('RSA keys that are marked for PSS, and Ed25519 keys as NSS exports them, are taken', async () => {
  const { write, send, store } = fresh()
  const imported = importPrivate(store, send)
  await imported('pss', 'rsa-2048', pkcs8(generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256' }).privateKey))
  await write('sign/pss', { input: base64('text'), signature_algorithm: 'pkcs1v15' })
  const seed = pkcs8(pairs.ed25519.privateKey).subarray(-32)
  for (const curve of ['1.3.101.110', '1.3.6.1.4.1.11591.15.1']) {
    const inner = sequence(integer(1), octetString(seed))
    await imported(curve, 'ed25519', sequence(integer(0), sequence(oid('1.2.840.10045.2.1'), oid(curve)), octetString(inner)))
    const { signature } = await write(`sign/${curve}`, { input: base64('text') })
    assert.ok(verify(null, Buffer.from('text'), pairs.ed25519.publicKey, Buffer.from((signature as string).slice(9), 'base64')))
  }
})

test('a version of which only the public half is known verifies and encrypts, and is completed by its private half alone', async () => {
  const { write, read, refused, send, store } = fresh()
  await importPrivate(store, send)('k0', 'aes128-gcm96', Buffer.alloc(16, 1))
  const { privateKey, publicKey } = pairs['rsa-2048']
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
  await write('keys/k/import', { type: 'rsa-2048', public_key: pem(publicKey) })
  const sealed = await write('encrypt/k', { plaintext: base64('text') })
  assert.match(await refused('decrypt/k', { ciphertext: sealed['ciphertext'] ?? '' }), /private counterpart/)
  assert.match(await refused('sign/k', { input: base64('text') }), /private part/)
  assert.match(await refused('keys/k/import_version', { version: 1, ciphertext: wrappedKey(pkcs8(other.privateKey)) }), /does not match/)
  assert.match(await refused('keys/k/import_version', { version: 1, public_key: pem(publicKey) }), /already has a public key/)
  await write('keys/k/import_version', { ciphertext: wrappedKey(pkcs8(privateKey)) })
  assert.equal((await read('keys/k'))['latest_version'], 1)
  assert.deepEqual(await write('decrypt/k', { ciphertext: sealed['ciphertext'] ?? '' }), { plaintext: base64('text') })
  assert.match(await refused('keys/k/import_version', { version: 1, ciphertext: wrappedKey(pkcs8(privateKey)) }), /cannot be updated/)
  await write('keys/k/import_version', { ciphertext: wrappedKey(pkcs8(other.privateKey)) })
  assert.equal((await read('keys/k'))['latest_version'], 2)
})

test('a derived Ed25519 key is imported with its secret only', async () => {
  const { write, refused, send, store } = fresh()
  await importPrivate(store, send)('k', 'ed25519', pkcs8(pairs.ed25519.privateKey), { derived: true })
  const signed = await write('sign/k', { input: base64('text'), context: base64('c') })
  assert.deepEqual(await write('verify/k', { input: base64('text'), context: base64('c'), signature: signed['signature'] ?? '' }), { valid: true })
  const elsewhere = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(signed['public_key'] as string, 'base64').toString('base64url') }, format: 'jwk' })
  assert.ok(verify(null, Buffer.from('text'), elsewhere, Buffer.from((signed['signature'] as string).slice(9), 'base64')))
  assert.match(await refused('keys/p/import', { type: 'ed25519', derived: true, public_key: pem(pairs.ed25519.publicKey) }), /only public key/)
  assert.match(await refused('keys/p/import', { type: 'ecdsa-p256', derived: true, public_key: pem(pairs['ecdsa-p256'].publicKey) }), /not supported/)
})

test('the wrapping key is made once', async () => {
  const { read } = fresh()
  const [first, second] = await Promise.all([read('wrapping_key'), read('wrapping_key')])
  assert.deepEqual(first, second)
  assert.deepEqual(await read('wrapping_key'), first)
  assert.equal(createPublicKey(first['public_key'] as string).asymmetricKeyDetails?.modulusLength, 4096)
})

test('an import into a mount whose wrapping key nobody has asked for is refused, and makes none', async () => {
  const { refused, run } = fresh()
  for (let i = 0; i < 50; i++) assert.match(await refused('keys/k/import', { ciphertext: base64(new Uint8Array(600)) }), /not wrapped/)
  assert.equal(run.counts.writes, 0)
})

test('two who agree on a key have the same', async () => {
  for (const type of ['ecdsa-p256', 'ecdsa-p521']) {
    const [ours, theirs] = [fresh(), fresh()]
    for (const { write } of [ours, theirs]) await write('keys/base', { type })
    const publicOf = async ({ read }: typeof ours) => (((await read('keys/base'))['keys'] as JsonObject)['1'] as JsonObject)['public_key'] ?? ''
    await ours.write('derive-key/shared', { base_key_name: 'base', peer_public_key: await publicOf(theirs) })
    await theirs.write('derive-key/shared', { base_key_name: 'base', peer_public_key: await publicOf(ours) })
    const { ciphertext } = await ours.write('encrypt/shared', { plaintext: base64('text') })
    assert.deepEqual(await theirs.write('decrypt/shared', { ciphertext: ciphertext ?? '' }), { plaintext: base64('text') })
    assert.match(await ours.refused('derive-key/shared', { base_key_name: 'base', peer_public_key: await publicOf(theirs) }), /exists already/)
    assert.match(await ours.refused('derive-key/x', { base_key_name: 'base', peer_public_key: pem(pairs['ecdsa-p384'].publicKey) }), /expected/)
    assert.match(await ours.refused('derive-key/x', { base_key_name: '../base', peer_public_key: 'x' }), /not found/)
  }
})

const hasOpenssl = (() => {
  try {
    return execFileSync('openssl', ['version']).length > 0
  } catch {
    return false
  }
})()

test('OpenSSL takes the requests, and certificates made of them are kept with the key that they are of', { skip: hasOpenssl ? false : 'openssl is not installed' }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-transit-'))
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.pem'), '-subj', '/CN=authority')
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', join(folder, 'x.key'), '-out', join(folder, 'template.csr'), '-subj', '/CN=service/O=Example', '-addext', 'subjectAltName=DNS:service.example')
    const template = openssl('req', '-in', join(folder, 'template.csr'))
    const { write, read, refused } = fresh()
    for (const type of ['rsa-2048', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519']) {
      await write(`keys/${type}`, { type })
      const plain = file('plain.csr', (await write(`keys/${type}/csr`))['csr'] as string)
      assert.match(openssl('req', '-in', plain, '-noout', '-verify', '-subject', '-pubkey'), /BEGIN PUBLIC KEY/)
      const csr = file('key.csr', (await write(`keys/${type}/csr`, { csr: template }))['csr'] as string)
      assert.match(openssl('req', '-in', csr, '-noout', '-verify', '-text'), /CN ?= ?service.*O ?= ?Example[\s\S]*DNS:service\.example/)
      const leaf = openssl('x509', '-req', '-in', csr, '-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key'), '-days', '2', '-set_serial', '7')
      const authority = openssl('x509', '-in', join(folder, 'ca.pem'))
      const chain = leaf + authority
      await write(`keys/${type}/set-certificate`, { certificate_chain: chain })
      assert.equal(((await read(`export/certificate-chain/${type}`))['keys'] as JsonObject)['1'], chain.trim())
      assert.match(await refused(`keys/${type}/set-certificate`, { certificate_chain: authority }), /not a valid leaf/)
      assert.match(await refused(`keys/${type}/set-certificate`, { certificate_chain: leaf + leaf }), /one of an authority/)
      assert.match(await refused(`keys/${type}/set-certificate`, { certificate_chain: leaf + authority.repeat(20) }), /more than 20/)
      await write(`keys/${type}/rotate`)
      assert.match(await refused(`keys/${type}/set-certificate`, { certificate_chain: chain }), /does not match/)
      await write(`keys/${type}/set-certificate`, { certificate_chain: chain, version: 1 })
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
