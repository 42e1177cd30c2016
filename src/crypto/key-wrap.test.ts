import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { unwrapFromTransport, unwrapPadded, wrapForTransport, wrapPadded } from './key-wrap.ts'
import { wycheproof } from './testing/wycheproof.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

test("AES key wrap with padding: Wycheproof's cases", () => {
  for (const { id, key, msg, ct, result } of wycheproof.wrap) {
    const opened = unwrapPadded(hex(key), hex(ct))?.toString('hex') ?? null
    if (result === 'invalid') assert.equal(opened, null, id)
    else if (result === 'valid') assert.deepEqual([opened, wrapPadded(hex(key), hex(msg)).toString('hex')], [msg, ct], id)
    else assert.ok(opened === null || opened === msg, id)
  }
})

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })

test('a key that was wrapped for transport comes out again, with the hash that was used and the key that it was meant for', () => {
  for (const hash of ['sha1', 'sha224', 'sha256', 'sha384', 'sha512']) {
    for (const length of [16, 17, 32, 1200]) {
      const target = Buffer.alloc(length, length)
      const wrapped = wrapForTransport(pair.publicKey, target, hash)
      assert.deepEqual(unwrapFromTransport(pair.privateKey, wrapped, hash), target)
    }
  }
  const wrapped = wrapForTransport(pair.publicKey, Buffer.alloc(32), 'sha256')
  assert.equal(unwrapFromTransport(pair.privateKey, wrapped, 'sha512'), null)
  assert.equal(unwrapFromTransport(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, wrapped, 'sha256'), null)
})

test('nothing malformed unwraps, nor is it an error', () => {
  const wrapped = wrapForTransport(pair.publicKey, Buffer.alloc(32), 'sha256')
  for (const length of [0, 1, 255, 256, 257, 263, 264, 272, wrapped.length - 1]) {
    assert.equal(unwrapFromTransport(pair.privateKey, wrapped.subarray(0, length), 'sha256'), null, String(length))
  }
  for (let at = 0; at < wrapped.length; at += 5) {
    const changed = Buffer.from(wrapped)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.equal(unwrapFromTransport(pair.privateKey, changed, 'sha256'), null, String(at))
  }
  assert.equal(unwrapPadded(Buffer.alloc(32), Buffer.alloc(100_000)), null)
})
