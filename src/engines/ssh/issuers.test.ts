/** Authorities: what the recordings do not show. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { formatSshPrivateKey } from '../../crypto/ssh-private-key.ts'
import { formatSshPublicKey, sshPublicKeyOf } from '../../crypto/ssh-public-key.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { harness, type Harness } from '../testing/harness.ts'
import { sshEngine } from './index.ts'

const fresh = (): Harness => harness({ engine: sshEngine, store: memoryStore(), begin: beginTransaction })
const pair = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { public_key: `${formatSshPublicKey(sshPublicKeyOf(publicKey)).trim()} my ca`, private_key: formatSshPrivateKey(privateKey) }
}

test('the private key of an authority is shown nowhere', async () => {
  const run = fresh()
  const given = pair()
  const texts = [(await run.send('POST', 'config/ca', given)).text]
  for (const path of ['config/ca', 'issuer/default', 'config/issuers', 'public_key']) texts.push((await run.send('GET', path)).text)
  texts.push((await run.send('LIST', 'issuers')).text)
  const secret = given.private_key.split('\n').slice(1, -2)
  for (const text of texts) for (const line of ['PRIVATE KEY', ...secret.slice(2)]) assert.ok(!text.includes(line))
})

test('halves of two keys are refused, and the same key twice is one authority', async () => {
  const run = fresh()
  const [one, other] = [pair(), pair()]
  assert.deepEqual((await run.send('POST', 'config/ca', { ...one, private_key: other.private_key })).errors, ['public_key and private_key do not belong together'])
  const { data } = await run.send('POST', 'config/ca', one)
  const again = await run.send('POST', 'issuers/import/named', one)
  assert.deepEqual([again.data, again.warnings], [data, ['An issuer with the provided public key already exists, returning the existing issuer']])
  assert.deepEqual((await run.send('LIST', 'issuers')).data?.['keys'], [data?.['issuer_id']])
})

test('what a refusal says of a key never quotes it', async () => {
  const run = fresh()
  const { public_key, private_key } = pair()
  const cut = private_key.replace('END OPENSSH', 'END OPENSSL')
  for (const wrong of [cut, private_key.slice(0, 200), `-----BEGIN RSA PRIVATE KEY-----\n${'QUJD'.repeat(40)}\n-----END RSA PRIVATE KEY-----\n`, 'x'.repeat(40_000)]) {
    const { status, errors } = await run.send('POST', 'config/ca', { public_key, private_key: wrong })
    assert.equal(status, 400)
    assert.match(errors?.[0] ?? '', /^could not parse private_key provided value: /)
    assert.ok((errors?.[0] ?? '').length < 120)
  }
})

test('the first authority is the default, a later one only where that is asked for', async () => {
  const run = fresh()
  const ids: unknown[] = []
  for (const body of [{}, {}, { set_default: true }]) ids.push((await run.send('POST', 'issuers/import', { key_type: 'ed25519', ...body })).data?.['issuer_id'])
  assert.equal((await run.send('GET', 'config/issuers')).data?.['default'], ids[2])
  await run.send('POST', 'config/issuers', { default: ids[1] as string })
  assert.equal((await run.send('GET', 'issuer/DEFAULT')).data?.['issuer_id'], ids[1])
  const listed = (await run.send('LIST', 'issuers')).data?.['keys'] as string[]
  assert.deepEqual(listed, [...(ids as string[])].sort())
  assert.deepEqual((await run.send('LIST', `issuers?after=${listed[0]}&limit=1`)).data?.['keys'], [listed[1]])
})

test('names are unique, no reserved word, and what a role says by them is warned of', async () => {
  const run = fresh()
  await run.send('POST', 'issuers/import/old', { key_type: 'ed25519' })
  await run.send('POST', 'issuers/import/other', { key_type: 'ed25519' })
  await run.send('POST', 'roles/r', { key_type: 'ca', allow_user_certificates: true, issuer_ref: 'old' })
  const rename = async (to: string) => (await run.send('POST', 'issuer/old', { issuer_name: to })).errors?.[0]
  assert.deepEqual([await rename('other'), await rename('Default'), await rename('a b'), await rename('')], [
    'issuer name already in use', "reserved keyword 'default' can not be used as issuer name", 'issuer name contained invalid characters', 'expected non-empty issuer name',
  ])
  assert.deepEqual((await run.send('POST', 'issuer/old', { issuer_name: 'new' })).warnings, ["1 roles reference 'old'"])
  assert.deepEqual((await run.send('POST', 'sign/r', { public_key: pair().public_key, valid_principals: 'x' })).status, 400)
})

test('a thousand authorities are the most', async () => {
  const run = fresh()
  await run.send('POST', 'config/ca', { key_type: 'ed25519' })
  for (let i = 1; i < 1000; i++) await run.send('POST', 'issuers/import', { key_type: 'ed25519' })
  assert.deepEqual((await run.send('POST', 'issuers/import', { key_type: 'ed25519' })).errors, ['a mount has at most 1000 issuers'])
})
