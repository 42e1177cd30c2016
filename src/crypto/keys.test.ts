import assert from 'node:assert/strict'
import { createPublicKey, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import { createAeadKey } from './aead.ts'
import { deriveKey, deriveSigningKey, isEqualSecret } from './keys.ts'

test('a label always derives the same key, another label or secret another one', () => {
  const secret = createAeadKey()
  const hexOf = (label: string, from = secret): string => deriveKey(from, label).export().toString('hex')
  assert.equal(hexOf('names'), hexOf('names'))
  assert.equal(hexOf('names').length, 64)
  const others = [hexOf('token'), hexOf('names '), hexOf('names', createAeadKey()), secret.export().toString('hex')]
  assert.equal(new Set([hexOf('names'), ...others]).size, 5)
})

test('a derived signing key signs as Ed25519 and stays the same', () => {
  const secret = createAeadKey()
  const key = deriveSigningKey(secret, 'audit')
  const signature = sign(null, Buffer.from('line'), key)
  assert.equal(key.asymmetricKeyType, 'ed25519')
  assert.ok(verify(null, Buffer.from('line'), createPublicKey(deriveSigningKey(secret, 'audit')), signature))
  assert.ok(!verify(null, Buffer.from('line'), createPublicKey(deriveSigningKey(secret, 'other')), signature))
})

test('secrets compare by content; different lengths are unequal, not an error', () => {
  assert.ok(isEqualSecret(Buffer.from('abc'), Uint8Array.from(Buffer.from('abc'))))
  assert.ok(!isEqualSecret(Buffer.from('abc'), Buffer.from('abd')))
  assert.ok(!isEqualSecret(Buffer.from('abc'), Buffer.from('abcd')))
})
