import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { aeadNonceLength, createAeadKey, importAeadKey, openAead, sealAead } from './aead.ts'

const context = Buffer.from('where it belongs')

test('sealed bytes are nonce, ciphertext and tag of AES-256-GCM', () => {
  // Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation".
  const key = importAeadKey(Buffer.from('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308', 'hex'))
  const sealed = Buffer.from(
    'cafebabefacedbaddecaf888'
    + '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662'
    + '76fc6ece0f4e1768cddf8853bb2d551b', 'hex')
  const plaintext = openAead(key, sealed, Buffer.from('feedfacedeadbeeffeedfacedeadbeefabaddad2', 'hex'))
  assert.equal(plaintext?.toString('hex'),
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39')
})

test('what was sealed opens again, whatever its length', () => {
  const key = createAeadKey()
  for (const length of [0, 1, 15, 16, 17, 1_024, 100_000]) {
    const plaintext = randomBytes(length)
    for (const room of [0, 5]) assert.deepEqual(openAead(key, sealAead(key, plaintext, context, room), context, room), plaintext)
  }
})

test('no changed bit, no truncation and no extension opens', () => {
  const key = createAeadKey()
  const sealed = sealAead(key, Buffer.from('secret'), context)
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.equal(openAead(key, changed, context), null, `bit ${bit}`)
  }
  for (let length = 0; length < sealed.length; length += 1) assert.equal(openAead(key, sealed.subarray(0, length), context), null)
  assert.equal(openAead(key, Buffer.concat([sealed, Buffer.alloc(1)]), context), null)
})

test('neither another key nor another context opens', () => {
  const key = createAeadKey()
  const sealed = sealAead(key, Buffer.from('secret'), context)
  assert.equal(openAead(createAeadKey(), sealed, context), null)
  assert.equal(openAead(key, sealed, Buffer.from('elsewhere')), null)
})

test('nonces do not repeat, also over the refills of the pool', () => {
  const key = createAeadKey()
  const nonces = Array.from({ length: 10_000 }, () => sealAead(key, Buffer.alloc(0), context).subarray(0, aeadNonceLength).toString('hex'))
  assert.equal(new Set(nonces).size, nonces.length)
})

test('importing a key wipes the bytes it came from', () => {
  const bytes = Buffer.alloc(32, 9)
  importAeadKey(bytes)
  assert.deepEqual(bytes, Buffer.alloc(32))
})
