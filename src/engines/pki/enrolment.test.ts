/** Enrolment protocols, as far as their messages are concerned; real clients are in `compat/clients`. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { contentCiphers, writeEnvelopedData } from '../../crypto/cms/enveloped-data.ts'
import { parseSignedData, writeSignedData } from '../../crypto/cms/signed-data.ts'
import { parseCmpMessage } from '../../crypto/cmp/message.ts'
import { computeMac, parsePasswordMac } from '../../crypto/cmp/password-mac.ts'
import { bitString, explicit, octetString, printable, sequence } from '../../crypto/der.ts'
import { DerError, DerReader } from '../../crypto/der-reader.ts'
import { mutations, openSsl } from '../../crypto/testing/openssl.ts'
import { findAlgorithm } from '../../crypto/x509/algorithms.ts'
import { writeCertificate } from '../../crypto/x509/certificate.ts'
import { findPublicKey, generateKey, privateKeyOf } from '../../crypto/x509/keys.ts'
import { attributeTypes, writeName } from '../../crypto/x509/name.ts'
import { writeRequest } from '../../crypto/x509/request.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { certificateOf, derOf, requestFor, withRoot } from './testing/authority.ts'

const fresh = () => withRoot(memoryStore(), beginTransaction)

test('no body crashes enrolment over EST', async () => {
  const { run, ok } = await fresh()
  await ok('POST', 'config/est', { enabled: true, default_path_policy: 'sign-verbatim' })
  const request = derOf(await requestFor('a.example.com', { dns: ['a.example.com'] }))
  assert.equal((await run.sendBytes('est/simpleenroll', Buffer.from(request.toString('base64')))).status, 200)
  for (const mutated of [...mutations(request, 150, 31), Buffer.alloc(0)]) {
    for (const body of [mutated, Buffer.from(mutated.toString('base64'))]) {
      const { status } = await run.sendBytes('est/simpleenroll', body)
      assert.ok(status === 200 || status === 400, `${status} ${body.toString('hex')}`)
    }
  }
})

test('a configuration of EST, SCEP or CMP that cannot be meant is refused with the name of the field', async () => {
  const { refused } = await fresh()
  for (const [path, body, reason] of [
    ['config/est', { enabled: true }, /default_path_policy is required/], ['config/est', { default_path_policy: 'role:none' }, /default_path_policy: the role none does not exist/],
    ['config/est', { default_path_policy: 'any' }, /neither sign-verbatim nor role:NAME/], ['config/est', { label_to_path_policy: { cacerts: 'sign-verbatim' } }, /label_to_path_policy: "cacerts"/],
    ['config/est', { authenticators: { ldap: {} } }, /authenticators: "ldap" is not supported/], ['config/est', { authenticators: { userpass: { accessor: '../x' } } }, /authenticators\.userpass\.accessor/],
    ['config/est', { authenticators: '{' }, /authenticators is not valid JSON/], ['config/est', { audit_fields: 'password' }, /audit_fields: "password" is unknown/],
    ['config/est', { label_to_path_policy: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`l${i}`, 'sign-verbatim'])) }, /more than 100 labels/],
    ['config/scep', { enabled: true }, /default_path_policy is required/], ['config/scep', { allowed_digest_algorithms: 'md5' }, /allowed_digest_algorithms: "md5"/],
    ['config/cmp', { enabled: true }, /default_path_policy is required/], ['config/cmp', { shared_secrets: { a: 'short' } }, /shared_secrets: the secret of "a" must have 12 to 256/],
    ['config/scep', { allowed_encryption_algorithms: [] }, /allowed_encryption_algorithms must name/], ['config/scep', { static_challenge: 'short' }, /static_challenge must have 8/],
  ] as const) assert.match(await refused('POST', path, body), reason)
})

test('no message crashes SCEP, and what is wrong inside of an envelope has one answer', async () => {
  const { run, ok } = await fresh()
  const root = certificateOf(await ok('POST', 'issuers/generate/root/internal', { common_name: 'RSA', key_type: 'rsa', issuer_name: 'rsa' }))
  await ok('POST', 'roles/device', { allow_any_name: true, key_type: 'rsa', ttl: '1h', issuer_ref: 'rsa' })
  await ok('POST', 'config/scep', { enabled: true, default_path_policy: 'role:device', static_challenge: 'correct horse' })
  const send = await scepClient(root)
  const request = await send.request()
  assert.equal(await failureOf(run, await send.message(request)), '2', 'a request without the challenge')
  assert.equal(await failureOf(run, await send.message(Buffer.from('no request'))), '1')
  assert.equal(await failureOf(run, await send.message(Buffer.concat([request, Buffer.alloc(1)]))), '1')
  assert.equal(await failureOf(run, await send.message(request, Buffer.from('no envelope'))), '1')
  for (const mutated of mutations(await send.message(request), 250, 33)) {
    const { status } = await run.sendBytes('scep', mutated)
    assert.ok(status === 200 || status === 400, `${status} ${mutated.toString('hex')}`)
  }
  for (const mutated of mutations(send.envelope(request), 120, 34)) {
    const failure = await failureOf(run, await send.message(request, mutated))
    assert.ok(['0', '1', '2'].includes(failure), failure)
  }
  assert.equal((await run.send('GET', 'scep?operation=PKIOperation&message=abc')).status, 400)
  assert.equal((await run.send('GET', 'scep?operation=GetNextCACert')).status, 400)
})

test('no message crashes CMP', async (t) => {
  const { run, ok } = await fresh()
  await ok('POST', 'config/cmp', { enabled: true, default_path_policy: 'role:any', shared_secrets: { one: cmpSecret } })
  for (const [i, sample] of cmpRequests(t).entries()) {
    assert.equal((await run.sendBytes('cmp', sample)).status, 200)
    for (const mutated of mutations(sample, 250, 50 + i)) {
      // Half of them pass the check of the MAC: what stands inside is what is tested then.
      for (const message of [mutated, withMac(mutated)]) {
        const { status } = await run.sendBytes('cmp', message)
        assert.ok(status === 200 || status === 400, `${status} ${message.toString('hex')}`)
      }
    }
  }
  assert.equal((await run.sendBytes('cmp', Buffer.alloc(0))).status, 400)
})

const cmpSecret = 'correct horse battery'

/** Messages that openssl writes before it finds that nobody answers. */
function cmpRequests(t: TestContext): Buffer[] {
  const ssl = openSsl(t)
  ssl.run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'k.pem')
  ssl.run('req', '-new', '-key', 'k.pem', '-subj', '/CN=a.example.com', '-out', 'r.pem')
  const common = ['cmp', '-server', '127.0.0.1:9', '-ref', 'one', '-secret', `pass:${cmpSecret}`, '-batch', '-total_timeout', '1']
  ssl.attempt(...common, '-cmd', 'ir', '-newkey', 'k.pem', '-subject', '/CN=a.example.com', '-sans', 'a.example.com', '-certout', 'c', '-reqout', 'ir')
  ssl.attempt(...common, '-cmd', 'p10cr', '-csr', 'r.pem', '-certout', 'c', '-reqout', 'p10cr')
  return [ssl.read('ir'), ssl.read('p10cr')]
}

/** The message with a MAC that is right, where it can be read at all. */
function withMac(message: Buffer): Buffer {
  try {
    const { protectedPart, protectionAlgorithm } = parseCmpMessage(message)
    const mac = parsePasswordMac(protectionAlgorithm ?? Buffer.alloc(0))
    if (mac === null) return message
    const parts = new DerReader(protectedPart).enter().rest().map(({ whole }) => whole)
    return sequence(...parts, explicit(0, bitString(computeMac(mac, cmpSecret, protectedPart))))
  } catch (error) {
    if (error instanceof DerError) return message
    throw error
  }
}

async function failureOf(run: Awaited<ReturnType<typeof fresh>>['run'], message: Buffer): Promise<string> {
  const { status, bytes } = await run.sendBytes('scep', message)
  assert.equal(status, 200)
  return parseSignedData(bytes ?? Buffer.alloc(0)).attributes.get('2.16.840.1.113733.1.9.4')?.content.toString() ?? ''
}

/** Messages signed by a certificate of their own, for an authority with an RSA key. */
async function scepClient(ca: ReturnType<typeof certificateOf>): Promise<{ readonly request: () => Promise<Buffer>; readonly envelope: (content: Buffer) => Buffer; readonly message: (content: Buffer, envelope?: Buffer) => Promise<Buffer> }> {
  const { privateDer, spki } = await generateKey('rsa', 2048)
  const [algorithm, cipher, caKey] = [findAlgorithm('SHA256WithRSA'), contentCiphers[0], findPublicKey(ca.spki)]
  assert.ok(algorithm && cipher && caKey)
  const key = privateKeyOf('rsa', privateDer)
  const name = writeName([[{ type: attributeTypes.commonName, value: 'device' }]])
  const serial = Buffer.from('01', 'hex')
  const own = await writeCertificate({ serial, issuer: name, subject: name, notBefore: 0, notAfter: 4e12, spki, extensions: [] }, { algorithm, key })
  const envelope = (content: Buffer): Buffer => writeEnvelopedData(content, { issuer: ca.issuer, serial: ca.serial, key: caKey }, cipher, randomBytes)
  return {
    envelope,
    request: () => writeRequest(name, spki, [], { algorithm, key }),
    message: (content, given = envelope(content)) => writeSignedData({
      content: given, certificates: [own], issuer: name, serial, digest: 'sha256', key,
      attributes: [{ type: '2.16.840.1.113733.1.9.2', value: printable('19') }, { type: '2.16.840.1.113733.1.9.5', value: octetString(Buffer.alloc(16)) }, { type: '2.16.840.1.113733.1.9.7', value: printable('one') }],
    }),
  }
}
