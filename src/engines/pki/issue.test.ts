/** Issuing and signing: what roles allow, what certificates say, and that OpenSSL and Node take them. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { openSsl } from '../../crypto/testing/openssl.ts'
import { isIssuedBy, keyUsageOf } from '../../crypto/x509/certificate.ts'
import type { JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { authority, certificateOf, derOf, requestFor, textOf, withRoot } from './testing/authority.ts'

const fresh = () => withRoot(memoryStore(), beginTransaction)

test('certificates of every kind of key and issuer are valid for OpenSSL and Node', async (t) => {
  const ssl = openSsl(t)
  for (const [i, issuer] of [{ key_type: 'ec', key_bits: 384 }, { key_type: 'ed25519' }, { key_type: 'rsa', use_pss: true }].entries()) {
    const { ok, run } = authority(memoryStore(), beginTransaction)
    const root = await ok('POST', 'root/generate/exported', { common_name: `Root ${i}`, ...issuer })
    ssl.write('ca.pem', textOf(root, 'certificate'))
    for (const [type, bits] of [['ec', 256], ['ec', 521], ['ed25519', 0], ['rsa', 2048]] as const) {
      await ok('POST', 'roles/r', { allow_any_name: true, key_type: type, key_bits: bits, use_pss: true, ou: 'Unit,Other', organization: 'Org' })
      const issued = await ok('POST', 'issue/r', { common_name: 'a.example.com', alt_names: 'b.example.com,me@example.com', ip_sans: '10.0.0.1,::1', uri_sans: '', ttl: '1h' })
      ssl.write('leaf.pem', textOf(issued, 'certificate'))
      ssl.write('key.pem', textOf(issued, 'private_key'))
      assert.match(ssl.run('verify', '-x509_strict', '-purpose', 'sslserver', '-attime', `${run.clock.now / 1000}`, '-CAfile', 'ca.pem', 'leaf.pem'), /OK/)
      assert.equal(ssl.run('pkey', '-in', 'key.pem', '-pubout'), ssl.run('x509', '-in', 'leaf.pem', '-noout', '-pubkey'))
      const node = new X509Certificate(textOf(issued, 'certificate'))
      assert.equal(node.subjectAltName, 'DNS:a.example.com, DNS:b.example.com, email:me@example.com, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1')
      assert.ok(node.verify(new X509Certificate(textOf(root, 'certificate')).publicKey))
      assert.equal(textOf(issued, 'serial_number').split(':').length, 20)
    }
  }
})

test('an intermediate made and signed in two mounts issues certificates that verify up to the root', async (t) => {
  const ssl = openSsl(t)
  const { ok, run, root } = await fresh()
  const below = authority(memoryStore(), beginTransaction)
  const { csr = null } = await below.ok('POST', 'intermediate/generate/internal', { common_name: 'Intermediate', key_type: 'ec', key_name: 'k' })
  const signed = await ok('POST', 'root/sign-intermediate', { csr, common_name: 'Intermediate', ttl: '100h', max_path_length: 0, permitted_dns_domains: 'example.com', permitted_ip_ranges: '10.0.0.0/8' })
  await below.ok('POST', 'intermediate/set-signed', { certificate: `${textOf(signed, 'certificate')}\n${textOf(root, 'certificate')}` })
  await below.ok('POST', 'roles/r', { allow_any_name: true, key_type: 'ec' })
  const issued = await below.ok('POST', 'issue/r', { common_name: 'x.example.com', ttl: '1h', ip_sans: '10.2.3.4' })
  assert.equal((issued['ca_chain'] as readonly string[]).length, 2)
  const shorter = await below.ok('POST', 'issue/r', { common_name: 'x.example.com', ttl: '1h', remove_roots_from_chain: true })
  assert.equal((shorter['ca_chain'] as readonly string[]).length, 1)
  ssl.write('ca.pem', textOf(root, 'certificate'))
  ssl.write('int.pem', textOf(signed, 'certificate'))
  for (const [name, verdict] of [['x.example.com', /OK/], ['x.example.org', /permitted subtree violation/]] as const) {
    ssl.write('leaf.pem', textOf(await below.ok('POST', 'issue/r', { common_name: name, ttl: '1h' }), 'certificate'))
    assert.match(ssl.attempt('verify', '-x509_strict', '-attime', `${run.clock.now / 1000}`, '-CAfile', 'ca.pem', '-untrusted', 'int.pem', 'leaf.pem').text, verdict)
  }
  assert.match(await below.refused('POST', 'root/sign-intermediate', { csr, common_name: 'x' }), /max path length of zero/)
})

const roleTexts: readonly (readonly [string, JsonObject, JsonObject, RegExp | null])[] = [
  ['a name below the domain', { allowed_domains: 'example.com', allow_subdomains: true }, { common_name: 'a.b.example.com' }, null],
  ['the domain itself', { allowed_domains: 'example.com', allow_subdomains: true }, { common_name: 'example.com' }, /common name example.com not allowed/],
  ['the bare domain', { allowed_domains: 'example.com', allow_bare_domains: true }, { common_name: 'EXAMPLE.com' }, null],
  ['a lookalike', { allowed_domains: 'example.com', allow_subdomains: true }, { common_name: 'badexample.com' }, /not allowed/],
  ['a wildcard below', { allowed_domains: 'example.com', allow_subdomains: true }, { common_name: '*.example.com' }, null],
  ['two wildcards', { allow_any_name: true }, { common_name: '*.*.example.com' }, /not allowed/],
  ['a wildcard inside', { allow_any_name: true }, { common_name: 'a.*.example.com' }, /not allowed/],
  ['a wildcard that is off', { allow_any_name: true, allow_wildcard_certificates: false }, { common_name: '*.example.com' }, /not allowed/],
  ['a glob', { allowed_domains: 'w*.example.com', allow_glob_domains: true }, { common_name: 'web7.example.com' }, null],
  ['an e-mail address of the domain', { allowed_domains: 'example.com', allow_bare_domains: true }, { common_name: 'me@example.com' }, null],
  ['an address where only host names may be', { allow_any_name: true, cn_validations: 'hostname' }, { common_name: 'me@example.com' }, /not allowed/],
  ['no host name', { allow_any_name: true }, { common_name: 'not a host' }, /not allowed/],
  ['an underscore', { allow_any_name: true }, { common_name: 'a_b.example.com' }, /not allowed/],
  ['localhost', { key_bits: 256 }, { common_name: 'localhost' }, null],
  ['a wildcard of localhost', { allowed_domains: 'example.com' }, { common_name: '*.localhost' }, /not allowed/],
  ['the display name', { allow_token_displayname: true }, { common_name: 'token' }, null],
  ['a template without an entity', { allowed_domains: '{{identity.entity.name}}.example.com', allowed_domains_template: true, allow_bare_domains: true }, { common_name: 'x.example.com' }, /not allowed/],
  ['an address outside of the ranges', { allow_any_name: true, allowed_ip_sans_cidr: '10.0.0.0/8' }, { common_name: 'a.example.com', ip_sans: '192.0.2.1' }, /IP address "192.0.2.1" is not allowed/],
  ['an address in the ranges', { allow_any_name: true, allowed_ip_sans_cidr: '10.0.0.0/8' }, { common_name: 'a.example.com', ip_sans: '10.9.9.9' }, null],
  ['a bad URI', { allow_any_name: true, allowed_uri_sans: '*' }, { common_name: 'a.example.com', uri_sans: 'no uri' }, /not a valid URI/],
  ['a header smuggled into an address', { allow_any_name: true, enforce_hostnames: false }, { common_name: 'a.example.com', alt_names: 'a\r\nb@example.com' }, /cannot hold/],
  ['not before forbidden', { allow_any_name: true, not_before_bound: 'forbid' }, { common_name: 'a.example.com', not_before: '2026-01-01T00:00:00Z' }, /cannot be provided/],
  ['not after beyond the bound', { allow_any_name: true, not_after_bound: '2026-12-01T00:00:00Z' }, { common_name: 'a.example.com', not_after: '2026-12-05T00:00:00Z' }, /not_after_bound/],
  ['a beginning before the year 0', { allow_any_name: true }, { common_name: 'a.example.com', not_before: '0000-01-01T00:00:00+01:00' }, /no certificate can state/],
  ['an end before the beginning', { allow_any_name: true }, { common_name: 'a.example.com', not_after: '2020-12-05T00:00:00Z' }, /would end before it begins/],
]

test('roles allow what they say, and nothing else', async () => {
  const { ok, refused } = await fresh()
  for (const [name, role, wish, refusal] of roleTexts) {
    await ok('POST', 'roles/r', { key_type: 'ec', ...role })
    if (refusal === null) await ok('POST', 'issue/r', { ttl: '1h', ...wish })
    else assert.match(await refused('POST', 'issue/r', wish), refusal, name)
  }
})

test('no certificate ends after the year 9999', async () => {
  const { ok, refused } = authority(memoryStore(), beginTransaction)
  const root = (not_after: string): readonly ['POST', string, JsonObject] => ['POST', 'root/generate/internal', { common_name: 'Root', key_type: 'ec', not_after }]
  assert.match(await refused(...root('9999-12-31T23:59:59-01:00')), /no certificate can state/)
  assert.equal(new X509Certificate(textOf(await ok(...root('9999-12-31T23:59:59Z')), 'certificate')).validTo, 'Dec 31 23:59:59 9999 GMT')
})

test('names that a certificate cannot hold are refused, by roots and by roles', async () => {
  const { run, ok } = await fresh()
  await ok('POST', 'roles/all', { allow_any_name: true, allowed_uri_sans: '*', enforce_hostnames: false, key_type: 'ec', ttl: '1h' })
  const bad: readonly JsonObject[] = [{ uri_sans: 'ä.example' }, { uri_sans: 'urn:\u0000' }, { alt_names: 'ä@b.example' }, { common_name: 'ä@b.example' }]
  for (const path of ['issue/all', 'issuers/generate/root/internal', 'intermediate/generate/internal']) for (const names of bad) {
    const { status, errors } = await run.send('POST', path, { common_name: 'x.example', key_type: 'ec', ...names })
    assert.equal(status, 400, `${path} ${JSON.stringify(names)}`)
    assert.match(String(errors?.[0]), /cannot hold|not a valid URI|not allowed/)
  }
})

test('signing goes through the rules that issuing goes through (GHSA-g892-9cqj-39fh)', async () => {
  const { ok, refused } = await fresh()
  await ok('POST', 'roles/r', { allow_any_name: true, key_type: 'any', allowed_ip_sans_cidr: '10.0.0.0/8', allowed_uri_sans: 'spiffe://a/*' })
  const csr = await requestFor('a.example.com', { ip: ['192.0.2.1'] })
  assert.match(await refused('POST', 'sign/r', { csr }), /IP address "192.0.2.1" is not allowed/)
  assert.match(await refused('POST', 'sign/r', { csr: await requestFor('a.example.com', { uri: ['spiffe://b/x'] }) }), /not valid for this role/)
  assert.match(await refused('POST', 'sign/r', { csr: await requestFor('a.example.com', { other: [{ oid: '1.2.3', value: 'x' }] }) }), /other SAN OID 1.2.3 not allowed/)
  await ok('POST', 'sign/r', { csr: await requestFor('a.example.com', { ip: ['10.1.1.1'], uri: ['spiffe://a/x'], dns: ['b.example.com'] }), ttl: '1h' })
  const verbatim = await ok('POST', 'sign-verbatim', { csr, ttl: '1h' })
  assert.equal(new X509Certificate(textOf(verbatim, 'certificate')).subjectAltName, 'IP Address:192.0.2.1')
})

test('requests that are forged, or have keys that are too short, are refused', async () => {
  const { ok, refused } = await fresh()
  await ok('POST', 'roles/r', { allow_any_name: true, key_type: 'rsa', key_bits: 3072 })
  assert.match(await refused('POST', 'sign/r', { csr: await requestFor('a.example.com', {}, 'rsa', 2048) }), /minimum of a 3072-bit key/)
  assert.match(await refused('POST', 'sign/r', { csr: await requestFor('a.example.com') }), /requires keys of type rsa/)
  const der = derOf(await requestFor('forged.example.com'))
  der[der.indexOf('forged')] = 0x46
  assert.match(await refused('POST', 'sign-verbatim', { csr: `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----` }), /signature invalid/)
})

test('no key is said to do what its type cannot', async () => {
  const { ok } = await fresh()
  for (const [type, bits] of [['ec', [0, 4]], ['ed25519', [0]], ['rsa', [0, 2]]] as const) {
    await ok('POST', 'roles/r', { allow_any_name: true, key_type: type })
    assert.deepEqual(keyUsageOf(certificateOf(await ok('POST', 'issue/r', { common_name: 'a.example.com', ttl: '1h' }))), bits)
  }
})

test('metadata is kept with a certificate, where the role keeps it', async () => {
  const { ok, refused } = await fresh()
  const issued = await ok('POST', 'issue/any', { common_name: 'a.example.com', cert_metadata: 'aGVsbG8=' })
  const kept = await ok('GET', `cert-metadata/${textOf(issued, 'serial_number')}`)
  assert.deepEqual([kept['cert_metadata'], kept['role']], ['aGVsbG8=', 'any'])
  assert.deepEqual((await ok('LIST', 'cert-metadata'))['keys'], [issued['serial_number']])
  assert.match(await refused('POST', 'issue/any', { common_name: 'a.example.com', cert_metadata: 'not base64' }), /base64/)
  await ok('POST', 'roles/r', { allow_any_name: true, key_type: 'ec', no_store: true })
  assert.match(await refused('POST', 'issue/r', { common_name: 'a.example.com', cert_metadata: 'aGVsbG8=', ttl: '1h' }), /keeps none/)
})

test('a key that two roots have can be cross-signed, and each chain is found', async () => {
  const { ok, root } = await fresh()
  const other = await ok('POST', 'root/generate/internal', { common_name: 'Other', key_type: 'ec' })
  const signed = await ok('POST', `issuer/${textOf(other, 'issuer_id')}/sign-self-issued`, { certificate: root['certificate'] ?? null })
  assert.ok(isIssuedBy(certificateOf(signed), certificateOf(other)))
  const imported = await ok('POST', 'issuers/import/cert', { pem_bundle: signed['certificate'] ?? null })
  const [id] = imported['imported_issuers'] as readonly string[]
  assert.equal(((await ok('GET', `issuer/${id}`))['ca_chain'] as readonly string[]).length, 2)
  assert.equal((await ok('GET', `issuer/${id}`))['key_id'], root['key_id'])
})

test('AIA templates are filled in with the issuer, and refused where something is missing', async () => {
  const { ok, refused, root } = await fresh()
  await ok('POST', 'config/urls', { enable_templating: true, issuing_certificates: '{{cluster_aia_path}}/issuer/{{issuer_id}}/der', crl_distribution_points: '{{cluster_path}}/issuer/{{issuer_id}}/crl/der' })
  assert.match(await refused('POST', 'issue/any', { common_name: 'a.example.com' }), /lack local cluster address information/)
  await ok('POST', 'config/cluster', { path: 'https://h/v1/pki', aia_path: 'http://aia/pki' })
  const issued = new X509Certificate(textOf(await ok('POST', 'issue/any', { common_name: 'a.example.com' }), 'certificate'))
  assert.equal(issued.infoAccess, `CA Issuers - URI:http://aia/pki/issuer/${textOf(root, 'issuer_id')}/der`)
})
