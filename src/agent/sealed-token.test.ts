import assert from 'node:assert/strict'
import { createDecipheriv, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { deriveKey, parsePublicKey, sealToken } from './sealed-token.ts'

const header = Buffer.from('302a300506032b656e032100', 'hex')
const bytes = (text: unknown): Buffer => Buffer.from(String(text), 'base64')

test('whoever has the private key reads the token, with the key as it is or derived, and only with the same additional data', () => {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const theirPublic = publicKey.export({ format: 'der', type: 'spki' }).subarray(header.length)
  const open = (envelope: string, derives: boolean, additionalData: string): string => {
    const { curve25519_public_key: key, nonce, encrypted_payload: payload } = JSON.parse(envelope) as Record<string, unknown>
    const secret = diffieHellman({ privateKey, publicKey: createPublicKey({ key: Buffer.concat([header, bytes(key)]), format: 'der', type: 'spki' }) })
    const decipher = createDecipheriv('aes-256-gcm', derives ? deriveKey(secret, theirPublic, bytes(key)) : secret, bytes(nonce))
    decipher.setAAD(Buffer.from(additionalData)).setAuthTag(bytes(payload).subarray(-16))
    return Buffer.concat([decipher.update(bytes(payload).subarray(0, -16)), decipher.final()]).toString()
  }
  for (const derives of [true, false]) {
    const sealed = sealToken('hvs.token', { theirPublic, additionalData: 'place', derives })
    assert.ok(!sealed.includes('hvs.token'))
    assert.equal(open(sealed, derives, 'place'), 'hvs.token')
    assert.throws(() => open(sealed, derives, 'elsewhere'))
    assert.throws(() => open(sealed, !derives, 'place'))
    assert.notEqual(sealToken('hvs.token', { theirPublic, additionalData: 'place', derives }), sealed)
  }
})

test('a file that holds no key is refused, and a key that gives no secret is too', () => {
  for (const text of ['', '{', 'null', '{}', '{"curve25519_public_key": 3}', '{"curve25519_public_key": "AAAA"}']) assert.throws(() => parsePublicKey(text), /^Error: dh_path: expected/)
  const theirPublic = parsePublicKey(JSON.stringify({ curve25519_public_key: Buffer.alloc(32).toString('base64') }))
  assert.throws(() => sealToken('t', { theirPublic, additionalData: '', derives: false }))
})
