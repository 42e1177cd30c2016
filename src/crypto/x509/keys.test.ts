/** Public keys that are read without OpenSSL's decoder are those that it reads. */
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { mutations } from '../testing/openssl.ts'
import { findPublicKey, generateKey, importPublicKey, kindOf, privateKeyOf, spkiOf, type NewKey } from './keys.ts'

test('a key is the one that OpenSSL reads, and of the same kind', async () => {
  for (const [type, bits] of [['rsa', 2048], ['rsa', 3072], ['ec', 224], ['ec', 256], ['ec', 384], ['ec', 521], ['ed25519', 0]] as const) {
    const { spki } = await generateKey(type, bits)
    for (const key of [findPublicKey(spki), await importPublicKey(spki)]) {
      assert.ok(key !== null && key.equals(createPublicKey({ key: spki, format: 'der', type: 'spki' })))
      assert.deepEqual([kindOf(key), spkiOf(key)], [{ type, bits }, spki])
    }
  }
  const odd = generateKeyPairSync('rsa', { modulusLength: 1031 }).publicKey
  const read = findPublicKey(odd.export({ type: 'spki', format: 'der' }))
  assert.ok(read !== null && read.equals(odd))
  assert.deepEqual(kindOf(read), { type: 'rsa', bits: 1031 })
})

test('a private number that begins with zeros has its whole length all the same', async () => {
  for (const [bits, length, at] of [[224, 28, 7], [256, 32, 7], [384, 48, 8], [521, 66, 8]] as const) {
    const isShort = ({ privateDer }: NewKey): boolean => privateDer[at] === 0
    let made = await generateKey('ec', bits)
    for (let tried = 0; tried < 6000 && !isShort(made); tried++) made = await generateKey('ec', bits)
    assert.ok(isShort(made), `no such key of ${bits} bits`)
    assert.equal(made.privateDer[at - 1], length)
    assert.deepEqual(spkiOf(privateKeyOf('ec', made.privateDer)), made.spki)
  }
})

test('what OpenSSL takes for no key is none, and what both take is the same', async () => {
  let none = 0
  for (const [i, [type, bits]] of ([['rsa', 2048], ['ec', 256], ['ed25519', 0]] as const).entries()) {
    for (const mutated of mutations((await generateKey(type, bits)).spki, 300, 40 + i)) {
      const [ours, imported, theirs] = [findPublicKey(mutated), await importPublicKey(mutated), findByOpenSsl(mutated)]
      assert.ok(ours === null ? imported === null : imported !== null && imported.equals(ours), mutated.toString('hex'))
      if (ours === null) none++
      else if (theirs !== null) assert.ok(ours.equals(theirs), mutated.toString('hex'))
      else assert.fail(`OpenSSL reads no key: ${mutated.toString('hex')}`)
    }
  }
  assert.ok(none > 200, `only ${none} were none`)
})

function findByOpenSsl(spki: Buffer): ReturnType<typeof createPublicKey> | null {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch {
    return null
  }
}
