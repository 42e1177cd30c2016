/** Managed keys on a real server: CAs whose keys are in a token (SoftHSM), and what they sign, as OpenSSL sees it. */
import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { softHsmIn, softHsmSkip, type SoftHsm } from '../crypto/pkcs11/testing.ts'
import { ask, freePort, inPlace, type Place } from './testing/process.ts'
import { listener } from './testing/sealed-server.ts'

interface Answer {
  readonly status: number
  readonly data: Readonly<Record<string, string>>
  readonly errors: string
}

interface World {
  readonly place: Place
  readonly hsm: SoftHsm
  readonly base: string
  readonly send: (method: string, path: string, body?: object) => Promise<Answer>
  /** What has to work. */
  readonly put: (path: string, body?: object) => Promise<Answer['data']>
  /** Of a key that is made when it is needed. */
  readonly terms: object
}

const withServer = (work: (world: World) => Promise<void>) => () => inPlace(async (place) => {
  const hsm = softHsmIn(place.folder)
  const { library, label, pin } = hsm.settings
  const port = await freePort()
  place.file('c.hcl', `storage "inmem" {}\n${listener(port)}kms_library "pkcs11" {\n name = "soft"\n library = "${library}"\n}\n`)
  const server = await place.started(['-config=c.hcl'], { environment: { SOFTHSM2_CONF: hsm.environment['SOFTHSM2_CONF'] } })
  const base = `http://127.0.0.1:${port}/v1`
  let token = ''
  const send: World['send'] = async (method, path, body) => {
    const { status, text } = await ask(`${base}/${path}`, { method, token, ...(body && { body }) })
    const { data, errors, ...top } = text === '' ? ({} as Record<string, never>) : (JSON.parse(text) as { data?: Answer['data']; errors?: string[] })
    return { status, data: data ?? top, errors: (errors ?? []).join(' ') }
  }
  const put: World['put'] = async (path, body = {}) => {
    const { status, data, errors } = await send('POST', path, body)
    assert.ok(status < 300, `${path}: ${errors}`)
    return data
  }
  const made = (await put('sys/init', { secret_shares: 1, secret_threshold: 1 })) as unknown as { root_token: string; keys: string[] }
  token = made.root_token
  await put('sys/unseal', { key: made.keys[0] })
  await put('sys/mounts/pki', { type: 'pki', config: { max_lease_ttl: '8760h', allowed_managed_keys: ['ca', 'ec', 'shown'] } })
  await work({ place, hsm, base, send, put, terms: { library: 'soft', token_label: label, pin, allow_generate_key: true } })
  assert.ok(!(server.out() + server.err()).includes(pin))
})
const skip = softHsmSkip

const openssl = (place: Place, words: string): string => {
  const { code, out, err } = place.shell(`openssl ${words}`)
  assert.equal(code, 0, out + err)
  return out + err
}

const kinds = [
  ['rsa', { mechanism: 'CKM_RSA_PKCS', key_bits: '2048' }, {}],
  ['rsa-pss', { mechanism: '0x000d', key_bits: '2048' }, { use_pss: true, signature_bits: 384 }],
  ['p384', { mechanism: 'ECDSA', curve: 'P-384' }, {}],
  ['ed25519', { mechanism: 'CKM_EDDSA' }, {}],
] as const

test('CAs whose keys are in the token sign certificates and lists: RSA, RSA-PSS, ECDSA, Ed25519', { skip }, withServer(async ({ place, put, send, terms }) => {
  for (const [name, how, root] of kinds) {
    await put(`sys/mounts/${name}`, { type: 'pki', config: { max_lease_ttl: '8760h', allowed_managed_keys: [name] } })
    await put(`sys/managed-keys/pkcs11/${name}`, { ...terms, ...how, key_label: `the key ${name}`, key_id: `0x0${name.length}` })
    const { certificate = '' } = await put(`${name}/root/generate/kms`, { managed_key_name: name, common_name: 'Token CA', ttl: '8000h', ...root })
    place.file('ca.pem', certificate)
    openssl(place, 'verify -CAfile ca.pem ca.pem')
    await put(`${name}/roles/web`, { allow_any_name: true, key_type: 'ec', max_ttl: '100h' })
    const { certificate: leaf = '', private_key: key = '', serial_number: serial = '' } = await put(`${name}/issue/web`, { common_name: 'www.example.com' })
    place.file('leaf.pem', leaf)
    assert.match(key, /EC PRIVATE KEY/)
    openssl(place, 'verify -CAfile ca.pem leaf.pem')
    await put(`${name}/revoke`, { serial_number: serial })
    place.file('list.pem', (await send('GET', `${name}/cert/crl`)).data['certificate'] ?? '')
    assert.match(openssl(place, 'crl -in list.pem -noout -CAfile ca.pem'), /verify OK/)
    assert.match(place.shell('openssl verify -crl_check -CRLfile list.pem -CAfile ca.pem leaf.pem').err, /certificate revoked/)
  }
}))

test('OCSP answers and intermediates are signed by the token too, and requests of its keys', { skip }, withServer(async ({ place, base, put, terms }) => {
  await put('sys/managed-keys/pkcs11/ca', { ...terms, mechanism: 'RSA_PKCS', key_label: 'root' })
  await put('sys/managed-keys/pkcs11/ec', { ...terms, mechanism: 'ECDSA', key_label: 'below' })
  place.file('ca.pem', (await put('pki/root/generate/kms', { managed_key_name: 'ca', common_name: 'Root', ttl: '8000h' }))['certificate'] ?? '')
  const { csr, key_id: keyId = '', ...more } = await put('pki/intermediate/generate/kms', { managed_key_name: 'ec', common_name: 'Below' })
  assert.deepEqual(Object.keys(more).filter((name) => name.startsWith('private')), [])
  const { certificate: below = '' } = await put('pki/root/sign-intermediate', { csr, common_name: 'Below', ttl: '7000h' })
  const { mapping } = (await put('pki/intermediate/set-signed', { certificate: below })) as unknown as { mapping: Record<string, string> }
  assert.ok(Object.values(mapping).includes(keyId), 'the certificate belongs to the key in the token')
  place.file('below.pem', below)
  openssl(place, 'verify -CAfile ca.pem below.pem')
  const [id = ''] = Object.keys(mapping)
  await put('pki/roles/web', { allow_any_name: true, key_type: 'ec', issuer_ref: id })
  place.file('leaf.pem', (await put('pki/issue/web', { common_name: 'a.example.com' }))['certificate'] ?? '')
  openssl(place, 'verify -CAfile ca.pem -untrusted below.pem leaf.pem')
  assert.match(openssl(place, `ocsp -issuer below.pem -cert leaf.pem -url ${base}/pki/ocsp -CAfile ca.pem -no_nonce`), /leaf\.pem: good/)
}))

test('a mount uses the managed keys that it is allowed, and no other', { skip }, withServer(async ({ put, send, terms }) => {
  await put('sys/managed-keys/pkcs11/other', { ...terms, mechanism: 'ECDSA', key_label: 'other' })
  const wish = { managed_key_name: 'other', common_name: 'x' }
  const refused = await send('POST', 'pki/root/generate/kms', wish)
  assert.equal(refused.status, 400)
  const unknown = await send('POST', 'pki/root/generate/kms', { ...wish, managed_key_name: 'none' })
  assert.equal(unknown.errors.replace('none', 'other'), refused.errors, 'keys that are not there and keys of others look the same')
  await put('sys/mounts/pki/tune', { allowed_managed_keys: ['other'] })
  const { certificate = '', key_id: keyId } = await put('pki/root/generate/kms', wish)
  const { data } = await send('GET', `pki/key/${keyId}`)
  assert.deepEqual([data['managed_key_name'], data['key_type']], ['other', 'ec'])
  await put('sys/mounts/pki/tune', { allowed_managed_keys: [] })
  assert.equal((await send('GET', 'pki/crl/rotate')).status, 400, 'what was allowed and is no more does not sign')
  await put('sys/managed-keys/pkcs11/other', { any_mount: true })
  assert.equal((await send('GET', 'pki/crl/rotate')).status, 200)
  await put('sys/managed-keys/pkcs11/other', { usages: ['verify'] })
  assert.match((await send('GET', 'pki/crl/rotate')).errors, /is not for signing/)
  assert.ok(new X509Certificate(certificate).ca)
}))

test('a managed key is shown without its PIN, changed field by field, tested, listed, and forgotten', { skip }, withServer(async ({ put, send, terms, hsm }) => {
  await put('sys/managed-keys/pkcs11/shown', { ...terms, mechanism: '0x1041', curve: 'P521', key_label: 'shown', allow_generate_key: false })
  const { data } = await send('GET', 'sys/managed-keys/pkcs11/shown')
  assert.deepEqual([data['mechanism'], data['curve'], data['pin'], data['type']], ['ECDSA', 'P521', 'redacted', 'pkcs11'])
  assert.ok(!JSON.stringify(data).includes(hsm.settings.pin))
  const test_ = (body: object = {}) => send('POST', 'sys/managed-keys/pkcs11/shown/test/sign', body)
  assert.match((await test_()).errors, /has no key pair of the managed key "shown", and allow_generate_key is not set$/)
  await put('sys/managed-keys/pkcs11/shown', { allow_generate_key: true })
  assert.equal((await test_({ hash_algorithm: 'sha2-512' })).status, 204)
  assert.equal((await test_({ hash_algorithm: 'md5' })).status, 400)
  assert.equal((await send('GET', 'sys/managed-keys/pkcs11/shown')).data['UUID'], data['UUID'])
  await put('sys/managed-keys/pkcs11/shown', { mechanism: 'RSA_PKCS' })
  assert.match((await test_()).errors, /is of the type ec, which does not do RSA_PKCS$/)
  assert.deepEqual((await send('LIST', 'sys/managed-keys/pkcs11')).data['keys'], ['shown'])
  assert.equal((await send('DELETE', 'sys/managed-keys/pkcs11/shown')).status, 204)
  assert.equal((await send('GET', 'sys/managed-keys/pkcs11/shown')).status, 404)
}))

test('what is wrong with a definition is a bad request that names it', { skip }, withServer(async ({ send, terms }) => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ library: 'hard' }, /^the configuration of the server has no kms_library "hard"$/],
    [{ library: undefined }, /^library is missing/],
    [{ mechanism: 'CKM_MD5' }, /^mechanism must be one of/],
    [{ mechanism: undefined }, /^mechanism is missing$/],
    [{ slot: 'first' }, /^slot must be a number$/],
    [{ key_id: 'xyz' }, /^key_id must be/],
    [{ key_label: undefined }, /^key_label is missing/],
    [{ token_label: undefined }, /^slot is missing/],
    [{ pin: '' }, /^pin is missing$/],
    [{ curve: 'P-192' }, /^curve must be/],
    [{ usages: ['sing'] }, /^usages: "sing" is not one of/],
  ]
  for (const [change, pattern] of wrong) {
    const { status, errors } = await send('POST', 'sys/managed-keys/pkcs11/x', { ...terms, mechanism: 'ECDSA', key_label: 'x', ...change })
    assert.equal(status, 400)
    assert.match(errors, pattern)
  }
}))

test('while the token is away what it should sign is a 502, and everything else goes on', { skip }, withServer(async ({ hsm, put, send, terms }) => {
  await put('sys/managed-keys/pkcs11/ec', { ...terms, mechanism: 'ECDSA', key_label: 'x' })
  const { certificate = '' } = await put('pki/root/generate/kms', { managed_key_name: 'ec', common_name: 'CA', ttl: '8000h' })
  await put('pki/roles/web', { allow_any_name: true, key_type: 'ec' })
  assert.ok(createPublicKey(certificate))
  renameSync(join(hsm.folder, 'tokens'), join(hsm.folder, 'away'))
  await put('sys/managed-keys/pkcs11/ec', { allow_generate_key: false }) // other terms: another session
  const away = await send('POST', 'pki/issue/web', { common_name: 'a' })
  assert.deepEqual([away.status, away.errors.startsWith('managed key "ec": ')], [502, true], away.errors)
  assert.equal((await send('GET', 'pki/cert/ca')).status, 200)
  renameSync(join(hsm.folder, 'away'), join(hsm.folder, 'tokens'))
  await put('pki/issue/web', { common_name: 'a' })
  assert.ok(readdirSync(join(hsm.folder, 'tokens')).length > 0)
}))
