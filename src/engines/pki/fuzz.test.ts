/** Whatever requests hold, they are answered: no crash, no hang, and nothing that would be a 500. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutations, seededNumbers } from '../../crypto/testing/openssl.ts'
import { pemEncode } from '../../crypto/pem.ts'
import type { Json, JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { derOf, requestFor, textOf, withRoot } from './testing/authority.ts'

const fresh = () => withRoot(memoryStore(), beginTransaction)
const names = { dns: ['a.example.com'], ip: ['10.0.0.1'], uri: ['spiffe://x/y'], email: ['me@example.com'], other: [{ oid: '1.2.3', value: 'x' }] }

test('no CSR crashes signing', async () => {
  const { run, ok } = await fresh()
  await ok('POST', 'roles/all', { allow_any_name: true, key_type: 'any', allowed_uri_sans: '*', allowed_other_sans: '*', enforce_hostnames: false, require_cn: false, ttl: '1h' })
  for (const mutated of mutations(derOf(await requestFor('a.example.com', names)), 400, 21)) {
    for (const path of ['sign/all', 'sign-verbatim', 'root/sign-intermediate']) {
      const { status } = await run.send('POST', path, { csr: pemEncode('CERTIFICATE REQUEST', mutated) })
      assert.ok(status === 200 || status === 400, `${path}: ${status} ${mutated.toString('hex')}`)
    }
  }
})

test('no certificate, key, list or text of PEM crashes an import or a revocation', async () => {
  const { run, ok } = await fresh()
  const made = await ok('POST', 'root/generate/exported', { common_name: 'x', key_type: 'ec', private_key_format: 'pkcs8' })
  const list = (await run.send('GET', 'crl')).bytes ?? Buffer.alloc(0)
  const samples: readonly (readonly [string, Buffer])[] = [['CERTIFICATE', derOf(textOf(made, 'certificate'))], ['PRIVATE KEY', derOf(textOf(made, 'private_key'))], ['X509 CRL', list]]
  for (const [label, der] of samples) {
    for (const mutated of mutations(der, 120, 22)) {
      const pem = pemEncode(label, mutated)
      const sent: readonly (readonly [string, JsonObject])[] = [
        ['issuers/import/bundle', { pem_bundle: pem }], ['keys/import', { pem_bundle: pem }], ['revoke', { certificate: pem }], ['root/sign-self-issued', { certificate: pem }],
        ['revoke-with-key', { certificate: pem, private_key: pem }], ['issuer/root/resign-crls', { crls: [pem], crl_number: 1 }],
      ]
      for (const [path, body] of sent) assert.ok([200, 400].includes((await run.send('POST', path, body)).status), `${path} ${label} ${mutated.toString('hex')}`)
    }
  }
})

const oddities: readonly Json[] = [
  '', ' ', '*', '*.', '.', '..', '@', 'a@', '@b', 'a@b@c', '-', 'xn--', 'xn--a', '\u0000', '\u202e', 'ä.example', '💥', 'a'.repeat(300), `${'a.'.repeat(200)}b`, '{{', '{{identity.entity.name}}', '}}', '1.2.3.4', '::', '::ffff:1.2.3.4', 'fe80::1%lo',
  'http://[', 'urn:x', 'data:,', '1.2.3;UTF8:', '1.2.3;UTF8:x', ';', '1.2.3', '9999-12-31T23:59:59Z', '0000-01-01T00:00:00Z', '2026-02-30T00:00:00Z', '10000-01-01T00:00:00Z', -1, 0, 1e15, true, null, [], {}, ['x', 1], { a: 1 }, '{"oid":"1.2.3"}', '{"oid":1}',
]

test('no value of any field crashes a role, an issue or a root', async () => {
  const { run } = await fresh()
  const next = seededNumbers(23)
  const pick = <T>(list: readonly T[]): T => list[next() % list.length] as T
  const roleFields = Object.keys((await run.send('GET', 'roles/any')).data ?? {})
  const issueFields = ['common_name', 'alt_names', 'ip_sans', 'uri_sans', 'other_sans', 'serial_number', 'ttl', 'not_before', 'not_after', 'user_ids', 'format', 'private_key_format', 'key_type', 'key_bits', 'cert_metadata']
  const rootFields = [...issueFields, 'country', 'organization', 'max_path_length', 'permitted_dns_domains', 'permitted_ip_ranges', 'excluded_email_addresses', 'issuer_name', 'key_name', 'signature_bits', 'use_pss', 'not_before_duration']
  const some = (fields: readonly string[]): JsonObject => Object.fromEntries(Array.from({ length: 1 + (next() % 4) }, () => [pick(fields), pick(oddities)]))
  for (let i = 0; i < 500; i++) {
    const sent: readonly (readonly [string, JsonObject])[] = [
      ['roles/odd', { allow_any_name: true, key_type: 'ec', ...some(roleFields) }], ['issue/odd', some(issueFields)], ['issue/any', { common_name: 'a.example.com', ...some(issueFields) }],
      ['issuers/generate/root/internal', { key_type: 'ec', ...some(rootFields) }], ['intermediate/generate/internal', { key_type: 'ec', ...some(rootFields) }],
    ]
    for (const [path, body] of sent.slice(0, i % 10 === 0 ? 5 : 3)) {
      // Keys of RSA take seconds; that they are made is tested elsewhere.
      if (body['key_type'] !== 'ec' && path.startsWith('issue/any')) delete (body as Record<string, Json>)['key_type']
      const { status } = await run.send('POST', path, path === 'roles/odd' ? { ...body, key_type: 'ec' } : body)
      assert.ok(status === 200 || (status >= 400 && status < 500), `${path} ${JSON.stringify(body)}: ${status}`)
    }
  }
})
