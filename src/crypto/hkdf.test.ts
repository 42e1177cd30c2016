import assert from 'node:assert/strict'
import { createSecretKey, hkdfSync } from 'node:crypto'
import { test } from 'node:test'
import { hkdfExpand, hkdfExtract } from './hkdf.ts'
import { wycheproof } from './testing/wycheproof.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const salted = (salt: Buffer): Buffer | undefined => (salt.length === 0 ? undefined : salt)

test('the cases of RFC 5869, appendix A.1 and A.3', () => {
  const first = hkdfExpand(hkdfExtract(hex('0b'.repeat(22)), hex('000102030405060708090a0b0c')), hex('f0f1f2f3f4f5f6f7f8f9'), 42)
  assert.equal(first.toString('hex'), '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865')
  const third = hkdfExpand(hkdfExtract(createSecretKey(hex('0b'.repeat(22)))), hex(''), 42)
  assert.equal(third.toString('hex'), '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8')
})

test("Wycheproof's cases", () => {
  for (const { id, ikm, salt, info, size, okm, result } of wycheproof.hkdf) {
    const derive = () => hkdfExpand(hkdfExtract(hex(ikm), salted(hex(salt))), hex(info), size)
    if (result === 'invalid') assert.throws(derive, RangeError, String(id))
    else assert.equal(derive().toString('hex'), okm, String(id))
  }
})

test('info may be longer than Node takes it', () => {
  const prk = hkdfExtract(Buffer.from('key'))
  const info = Buffer.alloc(1024, 5)
  assert.deepEqual(hkdfExpand(prk, info, 80), Buffer.from(hkdfSync('sha256', 'key', '', info, 80)))
  assert.equal(hkdfExpand(prk, Buffer.alloc(100_000, 5), 80).length, 80)
  assert.throws(() => hkdfExpand(prk, info, 8161), RangeError)
})
