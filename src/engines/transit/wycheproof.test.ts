/** Wycheproof's vectors through the API: keys are taken over from outside, ciphertexts decrypted and signatures verified as clients have it done. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { wycheproof } from '../../crypto/testing/wycheproof.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { importPrivate } from './testing-import.ts'
import { base64, transitHarness } from './testing.ts'

const hex = (text: string): string => base64(Buffer.from(text, 'hex'))

test('AEADs: what is valid decrypts to the message, what is invalid is a bad request', async () => {
  const { send, store } = transitHarness(memoryStore(), beginTransaction)
  const imported = importPrivate(store, send)
  for (const [i, { type, id, key, iv, aad, msg, ct, result }] of wycheproof.aead.entries()) {
    await imported(`k${i}`, type, Buffer.from(key, 'hex'))
    const answer = await send('POST', `decrypt/k${i}`, { ciphertext: `vault:v1:${hex(iv + ct)}`, associated_data: hex(aad) })
    assert.deepEqual([answer.status, answer.data?.['plaintext']], result === 'valid' ? [200, hex(msg)] : [400, undefined], `${type}: ${id}`)
  }
})

test('signatures: what is valid verifies, what is invalid is false or a bad request', async () => {
  const { send } = transitHarness(memoryStore(), beginTransaction)
  for (const [i, { file, type, hash, jws, algorithm, saltLength = 32, pem, tests }] of wycheproof.verify.entries()) {
    const taken = await send('POST', `keys/k${i}/import`, { type, public_key: pem })
    assert.equal(taken.status, 204, `${file}: ${String(taken.errors)}`)
    for (const { id, msg, sig, result } of tests) {
      const signature = `vault:v1:${Buffer.from(sig, 'hex').toString(jws ? 'base64url' : 'base64')}`
      const terms = { signature, marshaling_algorithm: jws ? 'jws' : 'asn1', signature_algorithm: algorithm, ...(algorithm === 'pss' && { salt_length: String(saltLength) }) }
      const prehashed = { input: base64(createHash('sha256').update(Buffer.from(msg, 'hex')).digest()), prehashed: true }
      const inputs = hash === 'sha2-256' && type !== 'ed25519' ? [{ input: hex(msg) }, prehashed] : [{ input: hex(msg) }]
      for (const input of inputs) {
        const answer = await send('POST', `verify/k${i}/${hash}`, { ...terms, ...input })
        const accepted = answer.data?.['valid'] === true
        assert.ok(answer.status === 200 || answer.status === 400, `${file} ${id}: ${answer.status}`)
        if (result !== 'acceptable') assert.equal(accepted, result === 'valid', `${file} ${id}`)
      }
    }
  }
})

test('RSA-OAEP: what is valid decrypts to the message, what is invalid is a bad request', async () => {
  const { send, store } = transitHarness(memoryStore(), beginTransaction)
  await importPrivate(store, send)('k', 'rsa-2048', Buffer.from(wycheproof.oaepKey, 'hex'))
  for (const { id, msg, ct, result } of wycheproof.oaep) {
    const answer = await send('POST', 'decrypt/k', { ciphertext: `vault:v1:${hex(ct)}` })
    assert.deepEqual([answer.status, answer.data?.['plaintext']], result === 'valid' ? [200, hex(msg)] : [400, undefined], String(id))
  }
})

test('HMACs with other hashes are those of the vectors, and no others', async () => {
  const { send, store } = transitHarness(memoryStore(), beginTransaction)
  const imported = importPrivate(store, send)
  for (const { id, hash, key, msg, tag, result } of wycheproof.hmacHashes) {
    await imported(`k${hash}${id}`, 'hmac', Buffer.from(key, 'hex'))
    const answer = await send('POST', `verify/k${hash}${id}/${hash}`, { input: hex(msg), hmac: `vault:v1:${hex(tag)}` })
    assert.equal(answer.data?.['valid'] === true, result === 'valid', `${hash} ${id}`)
  }
})

test('HMACs are those of the vectors', async () => {
  const { send, store } = transitHarness(memoryStore(), beginTransaction)
  const imported = importPrivate(store, send)
  for (const { id, key, msg, tag, result } of wycheproof.hmac) {
    await imported(`k${id}`, 'hmac', Buffer.from(key, 'hex'))
    const answer = await send('POST', `verify/k${id}`, { input: hex(msg), hmac: `vault:v1:${hex(tag)}` })
    assert.equal(answer.data?.['valid'], result === 'valid', String(id))
  }
})
