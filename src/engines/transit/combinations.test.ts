/** Every type of key with every flag, through every operation: a refusal where it makes no sense, and never anything worse (GHSA-8w8f). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { base64, quickTypes, transitHarness } from './testing.ts'

const flags = ['derived', 'convergent_encryption', 'exportable', 'allow_plaintext_backup'] as const
const subsets: readonly JsonObject[] = Array.from({ length: 2 ** flags.length }, (_, bits) => Object.fromEntries(flags.flatMap((flag, i) => ((bits >> i) & 1 ? [[flag, true]] : []))))

const derives = new Set(['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305', 'ed25519'])
const encrypts = new Set(['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305', 'rsa-2048'])
const signs = new Set(['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048'])

/** Whether a key of this type can have these flags. */
function isPossible(type: string, { derived, convergent_encryption: convergent }: JsonObject): boolean {
  if (convergent === true) return derived === true && derives.has(type) && encrypts.has(type)
  return derived !== true || derives.has(type)
}

const requests = (context: string): readonly (readonly [string, string, JsonObject?])[] => [
  ['POST', 'encrypt/k', { plaintext: base64('text'), context }],
  ['POST', 'encrypt/k', { plaintext: base64('text'), context, associated_data: base64('more') }],
  ['POST', 'decrypt/k', { ciphertext: `vault:v1:${base64(new Uint8Array(60))}`, context }],
  ['POST', 'rewrap/k', { ciphertext: `vault:v1:${base64(new Uint8Array(60))}`, context }],
  ['POST', 'datakey/plaintext/k', { context }],
  ['POST', 'sign/k', { input: base64('text'), context }],
  ['POST', 'sign/k/sha1', { input: base64('text'), context, prehashed: true, signature_algorithm: 'pkcs1v15' }],
  ['POST', 'verify/k', { input: base64('text'), context, signature: `vault:v1:${base64(new Uint8Array(64))}` }],
  ['POST', 'hmac/k', { input: base64('text') }],
  ['GET', `keys/k?context=${encodeURIComponent(context)}`],
  ['GET', 'export/encryption-key/k'],
  ['GET', 'export/signing-key/k?format=pem'],
  ['GET', 'export/hmac-key/k'],
  ['GET', 'export/public-key/k?format=der'],
  ['GET', 'export/certificate-chain/k'],
  ['GET', 'byok-export/k/k'],
  ['GET', 'backup/k'],
  ['POST', 'keys/k/csr'],
  ['POST', 'keys/k/set-certificate', { certificate_chain: 'none' }],
  ['POST', 'keys/k/rotate'],
  ['POST', 'keys/k/config', { min_encryption_version: 2, min_decryption_version: 2 }],
  ['POST', 'keys/k/trim', { min_available_version: 2 }],
  ['POST', 'derive-key/d', { base_key_name: 'k', peer_public_key: 'none' }],
  ['DELETE', 'keys/k/soft-delete'],
  ['POST', 'keys/k/soft-delete-restore'],
]

for (const [type, more] of Object.entries(quickTypes)) {
  test(`${type}: each combination of flags is a key that works, or a refusal`, async () => {
    for (const flags of subsets) {
      const { send } = transitHarness(memoryStore(), beginTransaction)
      const label = `${type} ${JSON.stringify(flags)}`
      const made = await send('POST', 'keys/k', { type, ...more, ...flags })
      assert.equal(made.status, isPossible(type, flags) ? 200 : 400, `${label}: ${String(made.errors)}`)
      if (made.status !== 200) continue
      for (const context of [base64('context'), '']) {
        for (const [method, path, body] of requests(context)) {
          const { status } = await send(method, path, body)
          assert.ok(status === 200 || status === 204 || status === 400, `${label}: ${method} ${path} is ${status}`)
        }
      }
    }
  })
}

test('what a type can do works with and without derivation, in every version', async () => {
  for (const [type, more] of Object.entries(quickTypes)) {
    for (const flags of [{}, { derived: true }, { derived: true, convergent_encryption: true }].filter((f) => isPossible(type, f))) {
      const { write } = transitHarness(memoryStore(), beginTransaction)
      await write('keys/k', { type, ...more, ...flags })
      const context = 'derived' in flags ? { context: base64('who') } : {}
      for (const version of [1, 2]) {
        if (encrypts.has(type)) {
          const { ciphertext, key_version: number } = await write('encrypt/k', { plaintext: base64('text'), ...context })
          assert.equal(number, version)
          assert.deepEqual(await write('decrypt/k', { ciphertext: ciphertext ?? '', ...context }), { plaintext: base64('text') }, type)
        }
        if (signs.has(type)) {
          const { signature } = await write('sign/k', { input: base64('text'), ...context })
          assert.deepEqual(await write('verify/k', { input: base64('text'), signature: signature ?? '', ...context }), { valid: true }, type)
          assert.deepEqual(await write('verify/k', { input: base64('other'), signature: signature ?? '', ...context }), { valid: false }, type)
        }
        const { hmac } = await write('hmac/k', { input: base64('text') })
        assert.deepEqual(await write('verify/k', { input: base64('text'), hmac: hmac ?? '' }), { valid: true }, type)
        await write('keys/k/rotate')
      }
    }
  }
})
