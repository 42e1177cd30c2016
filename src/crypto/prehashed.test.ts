/** Signatures over hashes that were made already, against those that OpenSSL makes of the text. */
import assert from 'node:assert/strict'
import { constants, createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import { digests } from './digests.ts'
import { signEcdsaHash, verifyEcdsaHash, type NistCurve } from './prehashed-ecdsa.ts'
import { pssSaltMax, signPkcs1Hash, signPssHash, verifyPkcs1Hash, verifyPssHash } from './prehashed-rsa.ts'

const text = Buffer.from('what is signed')
const pss = constants.RSA_PKCS1_PSS_PADDING
const plain = 'ieee-p1363' as const

test('the deterministic signature of RFC 6979, appendix A.2.5 (P-256, SHA-256, "sample") is one over its hash', async () => {
  const point = { x: '60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6', y: '7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299' }
  const jwk = { kty: 'EC', crv: 'P-256', x: Buffer.from(point.x, 'hex').toString('base64url'), y: Buffer.from(point.y, 'hex').toString('base64url') }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const signature = Buffer.from('EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8', 'hex')
  const hash = createHash('sha256').update('sample').digest()
  assert.equal(await verifyEcdsaHash('P-256', key, hash, signature), true)
  assert.equal(await verifyEcdsaHash('P-256', key, createHash('sha256').update('test').digest(), signature), false)
  assert.equal(verify('sha256', Buffer.from('sample'), { key, dsaEncoding: plain }, signature), true)
})

test('ECDSA over a hash is what OpenSSL verifies over the text, and the other way round', async () => {
  for (const curve of ['P-256', 'P-384', 'P-521'] satisfies NistCurve[]) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
    for (const { name } of digests.values()) {
      const hash = createHash(name).update(text).digest()
      assert.ok(verify(name, text, { key: publicKey, dsaEncoding: plain }, await signEcdsaHash(curve, privateKey, hash)), `${curve} ${name}`)
      const theirs = sign(name, text, { key: privateKey, dsaEncoding: plain })
      assert.equal(await verifyEcdsaHash(curve, publicKey, hash, theirs), true)
      theirs[9] = (theirs[9] ?? 0) ^ 1
      assert.equal(await verifyEcdsaHash(curve, publicKey, hash, theirs), false)
    }
    assert.equal(await verifyEcdsaHash(curve, publicKey, text, Buffer.alloc(2 * Math.ceil(Number(curve.slice(2)) / 8))), false)
  }
})

test('RSA over a hash is what OpenSSL verifies over the text, and the other way round, with moduli of whole and of odd bytes', () => {
  for (const modulusLength of [1024, 1025]) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
    for (const digest of digests.values()) {
      const hash = createHash(digest.name).update(text).digest()
      const label = `${modulusLength} ${digest.name}`
      const first = signPkcs1Hash(privateKey, hash, digest)
      assert.deepEqual(first, sign(digest.name, text, privateKey), label)
      assert.ok(verifyPkcs1Hash(publicKey, hash, first, digest), label)
      const most = pssSaltMax(publicKey, digest)
      for (const saltLength of [0, 20, most]) {
        const ours = signPssHash(privateKey, hash, digest, Buffer.alloc(saltLength, 9))
        assert.ok(verify(digest.name, text, { key: publicKey, padding: pss, saltLength }, ours), label)
        const theirs = sign(digest.name, text, { key: privateKey, padding: pss, saltLength })
        for (const signature of [ours, theirs]) {
          assert.ok(verifyPssHash(publicKey, hash, signature, digest, saltLength), label)
          assert.ok(verifyPssHash(publicKey, hash, signature, digest, null), label)
          assert.ok(!verifyPssHash(publicKey, hash, signature, digest, saltLength + 1), label)
          assert.ok(!verifyPssHash(publicKey, createHash(digest.name).update('else').digest(), signature, digest, null), label)
        }
      }
    }
  }
})

test('without a digest the bytes are signed as they are', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signature = signPkcs1Hash(privateKey, text, null)
  assert.equal(verifyPkcs1Hash(publicKey, text, signature, null), true)
  assert.equal(verifyPkcs1Hash(publicKey, Buffer.from('else'), signature, null), false)
  assert.equal(verifyPkcs1Hash(publicKey, Buffer.alloc(250), signature, null), false)
})

test('signatures of another length, or beyond the modulus, are false and no error', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const digest = [...digests.values()][3]
  assert.ok(digest !== undefined)
  const hash = createHash(digest.name).update(text).digest()
  for (const signature of [Buffer.alloc(0), Buffer.alloc(255), Buffer.alloc(256), Buffer.alloc(256, 0xff), Buffer.alloc(257)]) {
    assert.equal(verifyPkcs1Hash(publicKey, hash, signature, digest), false)
    assert.equal(verifyPssHash(publicKey, hash, signature, digest, null), false)
  }
})
