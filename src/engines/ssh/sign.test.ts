/** Certificates: what the recordings do not show. What stands in them is read by OpenSSH. */
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { missingProgram } from '../../../compat/clients/shell.ts'
import { parseSshPrivateKey } from '../../crypto/ssh-private-key.ts'
import { formatSshPublicKey, sshPublicKeyOf } from '../../crypto/ssh-public-key.ts'
import type { Json, JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { showCertificate, type Shown } from './testing/shown.ts'

const skip = missingProgram(['ssh', '-V'])
const userKey = formatSshPublicKey(sshPublicKeyOf(generateKeyPairSync('ed25519').publicKey))

interface Ssh {
  readonly server: ServeHarness
  /** The certificate, or the text of the refusal. */
  readonly sign: (role: string, body?: JsonObject, token?: string) => Promise<Shown | string>
  readonly role: (name: string, body: JsonObject) => Promise<void>
}

const withSsh = (work: (ssh: Ssh) => Promise<void>): Promise<void> => withServer(async (server) => {
  await server.ok('write', 'sys/mounts/ssh', { data: { type: 'ssh' } })
  await server.ok('write', 'ssh/config/ca', { data: { key_type: 'ed25519' } })
  await work({
    server,
    async sign(role, body = {}, token = server.rootToken) {
      const { data, errors } = await server.request('write', `ssh/sign/${role}`, { data: { public_key: userKey, ...body }, token })
      return data === null ? (errors[0] ?? '') : showCertificate(String(data['signed_key']))
    },
    role: async (name, body) => void (await server.ok('write', `ssh/roles/${name}`, { data: { key_type: 'ca', ...body } })),
  })
})

const shownOf = (answer: Shown | string): Shown => {
  assert.ok(typeof answer !== 'string', String(answer))
  return answer
}
const user = { allow_user_certificates: true, allowed_users: 'ubuntu,admin', default_user: 'ubuntu' }

test('a certificate says what role and request make of it, and no more', { skip }, () => withSsh(async ({ server, sign, role }) => {
  await role('r', { ...user, ttl: '30m', not_before_duration: '1m', default_extensions: { 'permit-pty': '' }, default_critical_options: { 'force-command': '/bin/true' } })
  const shown = shownOf(await sign('r'))
  const second = Math.floor(server.clock.now() / 1000) * 1000
  const { keyId, serial, ...rest } = shown
  assert.deepEqual(rest, {
    type: 'ssh-ed25519-cert-v01@openssh.com user certificate', from: second - 60_000, to: second + 1_800_000, principals: ['ubuntu'],
    criticalOptions: ['force-command /bin/true'], extensions: ['permit-pty'],
  })
  assert.match(keyId, /^vault-root-[0-9a-f]{64}$/)
  assert.notEqual(shownOf(await sign('r')).serial, serial)
}))

test('CVE-2024-7594: nobody gets a certificate that is good for everybody, unless the role says so in so many words', { skip }, () => withSsh(async ({ sign, role }) => {
  const refusal = /^refusing to issue unsafe, globally-valid certificate/
  for (const allowed_users of ['ubuntu', '*', '']) {
    await role('r', { allow_user_certificates: true, allowed_users })
    for (const valid_principals of [undefined, '', ' ', ',', ' , ,']) {
      assert.match(String(await sign('r', valid_principals === undefined ? {} : { valid_principals })), refusal, `${allowed_users} ${valid_principals}`)
    }
  }
  await role('host', { allow_host_certificates: true, allowed_domains: '*' })
  assert.match(String(await sign('host', { cert_type: 'host' })), refusal)
  await role('r', { allow_user_certificates: true, allow_empty_principals: true })
  assert.deepEqual(shownOf(await sign('r')).principals, [])
}))

test('a user is allowed by name, whole and with case; several only if all are', { skip }, () => withSsh(async ({ sign, role }) => {
  await role('r', user)
  for (const wrong of ['root', 'Ubuntu', 'ubuntu2', 'ubuntu,root', '*', 'ubuntu admin', '{{identity.entity.name}}']) {
    assert.match(String(await sign('r', { valid_principals: wrong })), /is not a valid value for valid_principals$/, wrong)
  }
  assert.deepEqual(shownOf(await sign('r', { valid_principals: ' admin ,ubuntu,admin' })).principals, ['admin', 'ubuntu'])
  await role('none', { allow_user_certificates: true })
  assert.equal(await sign('none', { valid_principals: 'ubuntu' }), 'role is not configured to allow any principals')
  await role('any', { allow_user_certificates: true, allowed_users: '*' })
  assert.deepEqual(shownOf(await sign('any', { valid_principals: 'root' })).principals, ['root'])
}))

test('a host is allowed by its domain, with and without what stands before it', { skip }, () => withSsh(async ({ sign, role }) => {
  const names = ['example.com', 'a.example.com', 'b.a.example.com', 'badexample.com', 'example.com.evil.org', 'EXAMPLE.com']
  const allowed = async (settings: JsonObject): Promise<string[]> => {
    await role('h', { allow_host_certificates: true, allowed_domains: 'example.com', ...settings })
    const answers = await Promise.all(names.map(async (name) => typeof (await sign('h', { cert_type: 'host', valid_principals: name })) === 'string'))
    return names.filter((_, i) => answers[i] === false)
  }
  assert.deepEqual(await allowed({}), [])
  assert.deepEqual(await allowed({ allow_bare_domains: true }), ['example.com'])
  assert.deepEqual(await allowed({ allow_subdomains: true }), ['a.example.com', 'b.a.example.com'])
}))

test('256 principals are the most, and texts of 64 KiB', { skip }, () => withSsh(async ({ sign, role }) => {
  await role('r', { allow_user_certificates: true, allowed_users: '*', allow_user_key_ids: true })
  const names = (count: number): string => Array.from({ length: count }, (_, i) => `u${i}`).join(',')
  assert.equal(shownOf(await sign('r', { valid_principals: names(256) })).principals.length, 256)
  assert.equal(await sign('r', { valid_principals: names(257) }), 'valid_principals has more than 256 names')
  assert.match(String(await sign('r', { valid_principals: 'a', key_id: 'k'.repeat(65_536) })), /have more than 65536 bytes$/)
}))

test('a lifetime is granted or refused; without one the role decides, then the mount', { skip }, () => withSsh(async ({ server, sign, role }) => {
  const seconds = async (body: JsonObject): Promise<number | string> => {
    const shown = await sign('r', body)
    return typeof shown === 'string' ? shown : (shown.to - Math.floor(server.clock.now() / 1000) * 1000) / 1000
  }
  await role('r', { ...user, ttl: '1h', max_ttl: '2h' })
  assert.deepEqual([await seconds({}), await seconds({ ttl: '2h' }), await seconds({ ttl: 1 })], [3600, 7200, 1])
  assert.equal(await seconds({ ttl: '2h1s' }), 'ttl is larger than maximum allowed 7200')
  assert.equal(await seconds({ ttl: 0 }), 'ttl is larger than maximum allowed 7200', 'the default of the mount was asked for')
  await role('r', { ...user, max_ttl: '2h' })
  assert.equal(await seconds({}), 7200)
  await role('r', user)
  assert.equal(await seconds({}), 2_764_800)
}))

test('only keys are signed whose type and size the role allows', { skip }, () => withSsh(async ({ sign, role }) => {
  const keys: Record<string, string> = { ed: userKey }
  for (const bits of [2048, 3072]) keys[`rsa${bits}`] = formatSshPublicKey(sshPublicKeyOf(generateKeyPairSync('rsa', { modulusLength: bits }).publicKey))
  for (const curve of ['P-256', 'P-384']) keys[`ec${curve.slice(2)}`] = formatSshPublicKey(sshPublicKeyOf(generateKeyPairSync('ec', { namedCurve: curve }).publicKey))
  for (const [allowed_user_key_lengths, fitting] of [
    [{}, 'ed rsa2048 rsa3072 ec256 ec384'], [{ rsa: 2048 }, 'rsa2048'], [{ 'ssh-rsa': [2048, 3072] }, 'rsa2048 rsa3072'], [{ ec: [384], rsa: '3072' }, 'rsa3072 ec384'],
    [{ ecdsa: 0, ed25519: 0 }, 'ed'], [{ 'ecdsa-sha2-nistp256': 0 }, 'ec256'], [{ 'ssh-ed25519': [0] }, 'ed'], [{ rsa: [] }, ''], [{ constructor: 1 }, ''],
  ] as const) {
    await role('r', { ...user, allowed_user_key_lengths: allowed_user_key_lengths as unknown as Json })
    const answers = await Promise.all(Object.entries(keys).map(async ([name, public_key]) => [name, await sign('r', { public_key })] as const))
    assert.equal(answers.filter(([, answer]) => typeof answer !== 'string').map(([name]) => name).join(' '), fitting, JSON.stringify(allowed_user_key_lengths))
    for (const [, answer] of answers) if (typeof answer === 'string') assert.match(answer, /^public_key failed to meet the key requirements: key (?:of type \w+ is not allowed|is of an invalid size: \d+)$/)
  }
}))

test('options and extensions: the defaults, or those that are asked for and allowed', { skip }, () => withSsh(async ({ sign, role }) => {
  await role('r', { ...user, default_extensions: { 'permit-pty': '' }, allowed_extensions: 'permit-pty, permit-port-forwarding', allowed_critical_options: 'source-address' })
  assert.deepEqual(shownOf(await sign('r', { extensions: { 'permit-port-forwarding': '' } })).extensions, ['permit-port-forwarding'])
  assert.equal(await sign('r', { extensions: { 'permit-X11-forwarding': '', 'permit-pty': '' } }), 'extensions [permit-X11-forwarding] are not on allowed list')
  assert.deepEqual(shownOf(await sign('r', { critical_options: { 'source-address': '10.0.0.1' } })).criticalOptions, ['source-address 10.0.0.1'])
  assert.equal(await sign('r', { critical_options: { 'force-command': 'sh' } }), 'critical options not on allowed list: [force-command]')
  await role('r', user)
  assert.equal(await sign('r', { extensions: { 'permit-pty': '' } }), 'extensions [permit-pty] are not on allowed list')
  await role('r', { ...user, allowed_extensions: '*' })
  assert.deepEqual(shownOf(await sign('r', { extensions: { 'a@b': 'c' } })).extensions.map((line) => line.replace(/ UNKNOWN OPTION.*/, '')), ['a@b'])
}))

/** Tokens of users of a password method: their entity has an alias of this name. */
async function loginAs(server: ServeHarness, name: string): Promise<{ readonly token: string; readonly entity: string; readonly accessor: string }> {
  const mounts = await server.ok('read', 'sys/auth')
  if (mounts.data?.['userpass/'] === undefined) {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'sys/policies/acl/sign', { data: { policy: 'path "ssh/sign/*" { capabilities = ["update"] }' } })
  }
  await server.ok('write', `auth/userpass/users/${name}`, { data: { password: 'correct horse', token_policies: 'sign' } })
  const { auth } = await server.ok('write', `auth/userpass/login/${name}`, { token: null, data: { password: 'correct horse' } })
  const { data } = await server.ok('read', 'sys/auth')
  return { token: String(auth?.['client_token']), entity: String(auth?.['entity_id']), accessor: String((data?.['userpass/'] as JsonObject | undefined)?.['accessor']) }
}

test('templates make principals of what is known of the caller, and let nobody pass who is unknown', { skip }, () => withSsh(async ({ server, sign, role }) => {
  const { token, entity, accessor } = await loginAs(server, 'anna')
  await server.ok('write', `identity/entity/id/${entity}`, { data: { metadata: { team: 'web,db' } } })
  const alias = `{{identity.entity.aliases.${accessor}.name}}`
  await role('r', { allow_user_certificates: true, allowed_users_template: true, allowed_users: `deploy, ${alias} ,{{identity.entity.metadata.team}}`, default_user_template: true, default_user: alias })
  assert.deepEqual(shownOf(await sign('r', {}, token)).principals, ['anna'])
  assert.deepEqual(shownOf(await sign('r', { valid_principals: 'db,deploy,web' }, token)).principals, ['db', 'deploy', 'web'], 'metadata of an entity may be a list')
  for (const wrong of ['bert', alias, 'web,db,x', '{{identity.entity.name}}']) assert.match(String(await sign('r', { valid_principals: wrong }, token)), /is not a valid value/)
  assert.match(String(await sign('r')), /^default_user of the role is a template that cannot be filled in for this caller$/, 'root has no entity')
  assert.match(String(await sign('r', { valid_principals: 'anna' })), /is not a valid value/)
  assert.deepEqual(shownOf(await sign('r', { valid_principals: 'deploy' })).principals, ['deploy'])
}))

test('a name that holds a comma or a star makes no further principals', { skip }, () => withSsh(async ({ server, sign, role }) => {
  await server.ok('write', 'identity/entity', { data: { name: 'x' } })
  const { token, entity, accessor } = await loginAs(server, 'carl')
  await server.ok('write', `identity/entity/id/${entity}`, { data: { name: 'a,root' } })
  await role('r', { allow_user_certificates: true, allowed_users_template: true, allowed_users: '{{identity.entity.name}}' })
  for (const wanted of ['root', 'a', 'a,root']) assert.equal(await sign('r', { valid_principals: wanted }, token), 'role is not configured to allow any principals')
  await server.ok('write', `identity/entity/id/${entity}`, { data: { name: '*' } })
  assert.match(String(await sign('r', { valid_principals: 'root' }, token)), /is not a valid value/)
  await role('h', { allow_host_certificates: true, allow_subdomains: true, allowed_domains_template: true, allowed_domains: `{{identity.entity.aliases.${accessor}.name}}.example.com` })
  assert.deepEqual(shownOf(await sign('h', { cert_type: 'host', valid_principals: 'db.carl.example.com' }, token)).principals, ['db.carl.example.com'])
  assert.match(String(await sign('h', { cert_type: 'host', valid_principals: 'db.anna.example.com' }, token)), /is not a valid value/)
}))

test('extensions with templates: filled in, or left out with a warning for who has no entity', { skip }, () => withSsh(async ({ server, sign, role }) => {
  const { token } = await loginAs(server, 'dora')
  await role('r', { ...user, default_extensions_template: true, default_extensions: { 'permit-pty': '', 'login@github.com': '{{identity.entity.id}}' } })
  assert.equal(shownOf(await sign('r', {}, token)).extensions.length, 2)
  const { data, warnings } = await server.ok('write', 'ssh/sign/r', { data: { public_key: userKey } })
  assert.match(warnings[0] ?? '', /^default_extension templating enabled/)
  assert.deepEqual(showCertificate(String(data?.['signed_key'])).extensions, ['permit-pty'])
  await role('r', { ...user, default_extensions_template: true, default_extensions: { x: '{{identity.entity.metadata.none}}' } })
  assert.match(String(await sign('r', {}, token)), /the template of "x" cannot be filled in for this caller$/)
}))

test('the key id is the role\'s, or the caller\'s where the role lets them', { skip }, () => withSsh(async ({ sign, role }) => {
  await role('r', { ...user, key_id_format: '{{role_name}}/{{token_display_name}}/{{unknown}}' })
  assert.equal(shownOf(await sign('r')).keyId, 'r/root/{{unknown}}')
  assert.equal(await sign('r', { key_id: 'mine' }), 'setting key_id is not allowed by role')
  await role('r', { ...user, allow_user_key_ids: true })
  assert.equal(shownOf(await sign('r', { key_id: 'mine' })).keyId, 'mine')
}))

test('an issued key is the one in the certificate, and only of a kind that the role allows', { skip }, () => withSsh(async ({ server, role }) => {
  await role('r', { ...user, allowed_user_key_lengths: { ec: [256], ed25519: 0 } })
  for (const key_type of ['ed25519', 'ec']) {
    const { data } = await server.ok('write', 'ssh/issue/r', { data: { key_type } })
    const key = sshPublicKeyOf(createPublicKey(parseSshPrivateKey(String(data?.['private_key']))))
    assert.ok(Buffer.from(String(data?.['signed_key']).split(' ')[1] ?? '', 'base64').includes(key.blob.subarray(4 + key.type.length)))
    assert.deepEqual(showCertificate(String(data?.['signed_key'])).principals, ['ubuntu'])
  }
  for (const [body, error] of [
    [{}, 'provided key_type value not in allowed_user_key_types'],
    [{ key_type: 'ec', key_bits: 384 }, "provided key_bits value not in list of role's allowed_user_key_types"],
    [{ key_type: 'ec', key_bits: 1 }, 'unknown ECDSA key pair algorithm and bits: ec / 1'],
    [{ key_type: 'rsa', key_bits: 8193 }, 'key_bits: an RSA key has at most 8192 bits'],
  ] as const) assert.deepEqual((await server.request('write', 'ssh/issue/r', { data: body })).errors, [error])
}))
