import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decapsulate, encapsulate, generatePair, signPostQuantum, verifyPostQuantum, type KemScheme, type SignatureScheme } from './post-quantum.ts'
import { wycheproof } from './testing/wycheproof.ts'

const input = Buffer.from('what is signed')
const changed = (bytes: Uint8Array, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

test("ML-DSA-44: Wycheproof's signatures", async () => {
  const { publicKey, tests } = wycheproof.mlDsa44
  for (const { id, msg, sig, result } of tests) {
    const isValid = await verifyPostQuantum('ml-dsa-44', Buffer.from(publicKey, 'hex'), Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex'))
    assert.equal(isValid, result === 'valid', String(id))
  }
})

test("ML-DSA-65 and ML-DSA-87: Wycheproof's signatures", async () => {
  for (const scheme of ['ml-dsa-65', 'ml-dsa-87'] as const) {
    for (const { publicKey, tests } of wycheproof.mlDsa[scheme]) {
      for (const { id, msg, sig, result } of tests) {
        const isValid = await verifyPostQuantum(scheme, Buffer.from(publicKey, 'hex'), Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex'))
        assert.equal(isValid, result === 'valid', `${scheme} ${id}`)
      }
    }
  }
})

test('what was signed verifies; another text, another key and a changed signature do not', async () => {
  for (const scheme of ['ml-dsa-44', 'ml-dsa-87', 'slh-dsa-sha2-128f'] satisfies SignatureScheme[]) {
    const [pair, other] = await Promise.all([generatePair(scheme), generatePair(scheme)])
    const signature = await signPostQuantum(scheme, pair.secretKey, input)
    assert.equal(await verifyPostQuantum(scheme, pair.publicKey, input, signature), true, scheme)
    assert.equal(await verifyPostQuantum(scheme, pair.publicKey, Buffer.from('else'), signature), false, scheme)
    assert.equal(await verifyPostQuantum(scheme, other.publicKey, input, signature), false, scheme)
    assert.equal(await verifyPostQuantum(scheme, pair.publicKey, input, changed(signature, 40)), false, scheme)
    assert.equal(await verifyPostQuantum(scheme, pair.publicKey, input, signature.subarray(1)), false, scheme)
  }
})

test('both sides of a hybrid have the same secret; with a changed ciphertext they do not', async () => {
  for (const scheme of ['ml-kem-768-x25519', 'ml-kem-1024-p384'] satisfies KemScheme[]) {
    const { publicKey, secretKey } = await generatePair(scheme)
    const { secret, ciphertext } = await encapsulate(scheme, publicKey)
    assert.equal(secret.length, 32)
    assert.deepEqual(Buffer.from(await decapsulate(scheme, secretKey, ciphertext) ?? ''), Buffer.from(secret), scheme)
    assert.notDeepEqual(Buffer.from(await decapsulate(scheme, secretKey, changed(ciphertext, 7)) ?? ''), Buffer.from(secret), scheme)
    assert.equal(await decapsulate(scheme, secretKey, ciphertext.subarray(1)), null, scheme)
  }
})

test('while a slow signature is computed, the event loop does other things', async () => {
  const { secretKey } = await generatePair('slh-dsa-sha2-128f')
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await signPostQuantum('slh-dsa-sha2-128f', secretKey, input)
  clearInterval(timer)
  assert.ok(turns > 20, `${turns} turns`)
})

test('two are computed, a hundred wait, and whoever comes then is told to come again', async () => {
  const { publicKey, tests } = wycheproof.mlDsa44
  const signature = Buffer.from(tests[0]?.sig ?? '', 'hex')
  const asked = Array.from({ length: 110 }, () => verifyPostQuantum('ml-dsa-44', Buffer.from(publicKey, 'hex'), input, signature))
  const refused = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
  assert.equal(refused.length, 8)
  for (const { reason } of refused) assert.match(String(reason), /try again/)
})
