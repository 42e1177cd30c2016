/** The transit seal, against a service that takes only what Vault's API says. With real servers: `src/server/seals.test.ts`. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { SealUnreachable, type Seal } from './seal.ts'
import { withService, type Answered, type Asked } from './testing.ts'
import { transitSeal, type TransitSeal } from './transit.ts'

const sealAt = (address: string, more: Partial<TransitSeal> = {}): Seal =>
  transitSeal({ address, token: 'hvs.token', keyName: 'my key', mountPath: '/a/transit/', namespace: 'ns/', tls: {}, renewsToken: true, ...more })

function transit({ method, path, headers, body }: Asked): Answered {
  assert.deepEqual([method, headers['x-vault-token'], headers['x-vault-namespace'], headers['content-type']], ['POST', 'hvs.token', 'ns/', 'application/json'])
  const { plaintext, ciphertext = '' } = JSON.parse(body) as Record<string, string>
  if (path === '/v1/a/transit/encrypt/my%20key') return { status: 200, json: { data: { ciphertext: `vault:v1:${plaintext}`, key_version: 1 } } }
  assert.equal(path, '/v1/a/transit/decrypt/my%20key')
  return ciphertext.startsWith('vault:v1:') ? { status: 200, json: { data: { plaintext: ciphertext.slice(9) } } } : { status: 400, json: { errors: ['invalid ciphertext: no prefix'] } }
}

test('the root key is encrypted and decrypted with the named key, in the namespace, with the token', () => withService(transit, async ({ url }) => {
  const rootKey = randomBytes(32)
  for (const seal of [sealAt(url), sealAt(`${url}/`)]) {
    const wrapped = await seal.wrap(rootKey)
    assert.deepEqual(await seal.unwrap(wrapped), rootKey)
    assert.equal(await seal.unwrap(Buffer.from('something else')), null)
  }
}))

test('a server that is sealed, refuses the token or answers nonsense is unreachable, not another store', async () => {
  for (const status of [403, 404, 500, 503]) {
    await withService(() => ({ status, json: { errors: ['x'] } }), async ({ url }) => {
      await assert.rejects(sealAt(url).unwrap(Buffer.from('vault:v1:x')), (error) => error instanceof SealUnreachable && error.message === `transit refuses to decrypt (status ${status})`)
    })
  }
  for (const json of [{}, { data: null }, { data: { plaintext: 7 } }]) {
    await withService(() => ({ status: 200, json }), ({ url }) => assert.rejects(sealAt(url).unwrap(Buffer.from('x')), SealUnreachable))
  }
})

test('the token is renewed at half of its time, unless it cannot be or should not be', async () => {
  const due = async (status: number, auth: object, more: Partial<TransitSeal> = {}): Promise<number | null | undefined> => {
    let seconds: number | null | undefined
    await withService(({ path }) => {
      assert.equal(path, '/v1/auth/token/renew-self')
      return { status, json: { auth } }
    }, async ({ url }) => void (seconds = await sealAt(url, more).renew?.()))
    return seconds
  }
  assert.equal(await due(200, { lease_duration: 3600, renewable: true }), 1800)
  assert.equal(await due(200, { lease_duration: 4, renewable: true }), 5)
  assert.equal(await due(200, { lease_duration: 0, renewable: false }), null)
  assert.equal(await due(200, { lease_duration: 3600, renewable: false }), null)
  assert.equal(await due(403, {}), null)
  assert.equal(await due(500, {}, { renewsToken: false }), null)
  await assert.rejects(due(503, {}), SealUnreachable)
})
