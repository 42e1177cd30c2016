/** The same as HMAC by RFC 4231 and by OpenSSL, whatever the lengths. */
import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { hmacOf } from './hmac.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

test('the vectors of RFC 4231', () => {
  const vectors: readonly (readonly [key: Buffer, data: Buffer, mac: string])[] = [
    [Buffer.alloc(20, 0x0b), Buffer.from('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    [Buffer.alloc(20, 0xaa), Buffer.alloc(50, 0xdd), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
    [hex('0102030405060708090a0b0c0d0e0f10111213141516171819'), Buffer.alloc(50, 0xcd), '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'],
    [Buffer.alloc(131, 0xaa), Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'), '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'],
  ]
  for (const [key, data, mac] of vectors) {
    assert.equal(hmacOf(key)(data), mac)
    assert.equal(hmacOf(key)(new Uint8Array(data)), mac)
  }
})

test('as OpenSSL has it, for keys, texts and bytes of all lengths around the limits, one after the other', () => {
  for (const keyLength of [0, 1, 32, 63, 64, 65, 200]) {
    const key = randomBytes(keyLength)
    const hmac = hmacOf(key)
    const check = (value: string | Uint8Array): void => assert.equal(hmac(value), createHmac('sha256', key).update(value).digest('hex'))
    for (const length of [0, 1, 55, 56, 63, 64, 65, 1364, 1365, 1366, 4095, 4096, 4097, 10_000, 3, 0]) {
      check('x'.repeat(length))
      check('\u20ac'.repeat(length))
      check('\u{1f600}'.repeat(length / 2))
      check(randomBytes(length))
    }
    for (const text of ['\ud800', 'a\udc00b', '\u0000', 'ü', '\u07ff\uffff']) check(text)
  }
})

test('keys do not mix, and a key that is changed afterwards changes nothing', () => {
  const key = Buffer.alloc(32, 1)
  const [one, other] = [hmacOf(key), hmacOf(Buffer.alloc(32, 2))]
  const [before, long] = [one('a'), one('a'.repeat(5_000))]
  assert.notEqual(other('a'), before)
  assert.equal(one('a'), before)
  key.fill(9)
  assert.deepEqual([one('a'), one('a'.repeat(5_000))], [before, long])
})
