/** What the PKCS #11 seal takes for its own. With a real token: `src/server/pkcs11.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { TokenError } from '../../crypto/pkcs11/errors.ts'
import type { TokenCalls, WrapMechanism, WrapTerms } from '../../crypto/pkcs11/messages.ts'
import { pkcs11Seal, type Pkcs11Seal } from './pkcs11.ts'
import { SealUnreachable, type Seal } from './seal.ts'

const rootKey = Buffer.alloc(32, 7)

/** A seal whose token wraps by the mechanism that is said, and opens everything that it is shown. */
function sealWith(change: Partial<WrapTerms>, wrapsBy: WrapMechanism = 'AES_GCM'): Seal {
  const terms: WrapTerms = { key: { label: 'a', id: '' }, mechanism: null, macKey: null, oaepHash: 'sha256', encryptsInToken: false, generates: false, ...change }
  const call = async (name: keyof TokenCalls): Promise<unknown> => {
    if (name === 'unwrap') return Uint8Array.from(rootKey)
    return { key: terms.key, mechanism: wrapsBy, macKey: null, oaepHash: 'sha256', iv: Buffer.alloc(12), ciphertext: Buffer.from('sealed'), mac: Buffer.alloc(0) }
  }
  return pkcs11Seal({ token: { call: call as unknown as Pkcs11Seal['token']['call'] }, terms })
}

test('a seal that proves where its data come from is not turned into one that does not, by whoever can write to the store', async () => {
  const rsa = { mechanism: 'RSA_PKCS_OAEP' } as const
  const byStranger = await sealWith({ key: { label: 'public', id: '' } }, 'RSA_PKCS_OAEP').wrap(rootKey)
  for (const terms of [{}, { mechanism: 'AES_GCM' as const }]) await assert.rejects(sealWith(terms).unwrap(byStranger), (error) => error instanceof SealUnreachable && /wrapped by RSA_PKCS_OAEP/.test(error.message))
  assert.deepEqual(await sealWith(rsa).unwrap(byStranger), rootKey, 'an older RSA key, where the configuration says RSA')
  assert.deepEqual(await sealWith({ key: { label: 'public', id: '' } }).unwrap(byStranger), rootKey, 'the RSA key of the configuration')
  const byOlder = await sealWith({ key: { label: 'older', id: '' } }).wrap(rootKey)
  assert.deepEqual(await sealWith({}).unwrap(byOlder), rootKey)
  await assert.rejects(sealWith(rsa).unwrap(byOlder), SealUnreachable)
})

test('what is wrapped by the key and the mechanism of the configuration is current, and nothing else', async () => {
  const wrapped = await sealWith({}).wrap(rootKey)
  const isCurrent = (terms: Partial<WrapTerms>): boolean | undefined => sealWith(terms).isCurrent?.(wrapped)
  assert.deepEqual([isCurrent({}), isCurrent({ mechanism: 'AES_GCM' }), isCurrent({ key: { label: 'b', id: '' } }), isCurrent({ key: { label: 'a', id: '01' } }), isCurrent({ mechanism: 'AES_CBC_PAD' })], [true, true, false, false, false])
})

test('what is no wrapped key is that of another seal, whatever it is', async () => {
  const seal = sealWith({})
  const texts = ['', '{}', '[]', 'null', '{"key":{}}', '{"key":{"label":"","id":""},"mechanism":"AES_GCM","oaep_hash":"sha256"}', '{"key":{"label":"a","id":"x"},"mechanism":"AES_GCM","oaep_hash":"sha256"}', '{"key":{"label":"a","id":""},"mechanism":"RSA_PKCS","oaep_hash":"sha256"}', '{"key":{"label":"a","id":""},"mechanism":"AES_GCM","oaep_hash":"__proto__"}']
  for (const text of texts) assert.equal(await seal.unwrap(Buffer.from(text)), null, text)
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => assert.equal(await seal.unwrap(bytes), null)), { numRuns: 200 })
})

test('whatever the token says, the seal is unreachable, unless the wrapped key is not its own', async () => {
  const wrapped = await sealWith({}).wrap(rootKey)
  for (const failure of ['away', 'pin', 'absent', 'refused', 'foreign'] as const) {
    const call = () => Promise.reject(new TokenError(failure, 'why'))
    const seal = pkcs11Seal({ token: { call }, terms: { key: { label: 'a', id: '' }, mechanism: null, macKey: null, oaepHash: 'sha256', encryptsInToken: false, generates: false } })
    if (failure === 'foreign') assert.equal(await seal.unwrap(wrapped), null)
    else await assert.rejects(seal.unwrap(wrapped), (error) => error instanceof SealUnreachable && error.message === 'PKCS #11: why')
    await assert.rejects(seal.wrap(rootKey), SealUnreachable)
  }
})
