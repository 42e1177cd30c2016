/** Enrolment protocols with clients that are not ours, over TLS: EST with curl, CMP with openssl, which also judges what comes back. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startTlsServer, type TestServer } from '../server.ts'
import { missingProgram, runProgram, type Outcome } from './shell.ts'

const skip = missingProgram(['openssl', 'version']) || missingProgram(['curl', '--version'])
let server: TestServer
const at = (name: string): string => join(server.folder, name)

async function run(...argv: readonly string[]): Promise<Outcome> {
  return await runProgram(argv, { env: process.env, cwd: server.folder })
}

async function openssl(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('openssl', ...argv)
  assert.equal(code, 0, `openssl ${argv.join(' ')}: ${stderr}`)
  return stdout + stderr
}

interface Answered {
  readonly status: number
  readonly text: string
  readonly head: string
}

async function curl(path: string, ...options: readonly string[]): Promise<Answered> {
  const { code, stdout, stderr } = await run('curl', '--silent', '--show-error', '--cacert', 'vault-ca.pem', '--dump-header', 'head.txt', '--write-out', '\n%{http_code}', ...options, `${server.addr}/${path}`)
  assert.equal(code, 0, stderr)
  const cut = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(cut + 1)), text: stdout.slice(0, cut), head: readFileSync(at('head.txt'), 'latin1') }
}

/** A request to the API as the operator. */
function api(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly data: Readonly<Record<string, unknown>> }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${server.addr}/v1/${path}`, { method, ca: readFileSync(at('vault-ca.pem')), headers: { 'X-Vault-Token': server.token } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => {
        const parsed = text === '' ? {} : (JSON.parse(text) as { data?: Readonly<Record<string, unknown>>; errors?: unknown })
        resolve({ status: response.statusCode ?? 0, data: parsed.data ?? (parsed as Readonly<Record<string, unknown>>) })
      })
    })
    sent.on('error', reject).end(body === undefined ? '' : JSON.stringify(body))
  })
}

async function must(method: string, path: string, body?: object): Promise<Readonly<Record<string, unknown>>> {
  const { status, data } = await api(method, path, body)
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(data)}`)
  return data
}

/** A key and a signing request, in `NAME.key` and `NAME.b64`, as EST sends it. */
async function newRequest(name: string, subject: string, altName: string): Promise<void> {
  await openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-subj', subject, '-addext', `subjectAltName=${altName}`, '-out', `${name}.pem`)
  writeFileSync(at(`${name}.b64`), readFileSync(at(`${name}.pem`), 'latin1').replaceAll(/-----[^-]+-----\n/g, ''))
}

/** The first certificate of an answer, in `NAME.crt`; what openssl says of it. */
async function certificateFrom(answer: Answered, name: string): Promise<string> {
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.head, /content-type: application\/pkcs7-mime; smime-type=certs-only\r\n/i)
  assert.match(answer.head, /content-transfer-encoding: base64\r\n/i)
  writeFileSync(at(`${name}.p7`), Buffer.from(answer.text, 'base64'))
  writeFileSync(at(`${name}.crt`), await openssl('pkcs7', '-inform', 'DER', '-in', `${name}.p7`, '-print_certs'))
  return await openssl('x509', '-in', `${name}.crt`, '-noout', '-subject', '-serial', '-ext', 'subjectAltName')
}

const enroll = (path: string, name: string, ...options: readonly string[]): Promise<Answered> =>
  curl(path, '--header', 'Content-Type: application/pkcs10', '--header', 'Content-Transfer-Encoding: base64', '--data-binary', `@${name}.b64`, ...options)
const cmpSecret = 'correct horse battery'
const withPassword = ['--user', 'device:correct horse']

before(async () => {
  if (skip) return
  server = await startTlsServer()
  await must('POST', 'sys/mounts/pki', { type: 'pki' })
  await must('POST', 'pki/root/generate/internal', { common_name: 'Root', key_type: 'ec', ttl: '300h', key_usage: 'DigitalSignature' })
  await must('POST', 'pki/roles/device', { allowed_domains: 'example.com', allow_subdomains: true, key_type: 'ec', ttl: '24h' })
  await must('POST', 'sys/auth/userpass', { type: 'userpass' })
  await must('PUT', 'sys/policies/acl/enrol', { policy: 'path "pki/est/*" { capabilities = ["update"] }\npath "pki/roles/device/est/*" { capabilities = ["update"] }' })
  await must('POST', 'auth/userpass/users/device', { password: 'correct horse', token_policies: 'enrol' })
  await must('POST', 'auth/userpass/users/stranger', { password: 'correct horse' })
  const methods = await must('GET', 'sys/auth')
  const { accessor } = methods['userpass/'] as { readonly accessor: string }
  await must('POST', 'pki/config/est', { enabled: true, default_mount: true, default_path_policy: 'role:device', label_to_path_policy: { phones: 'role:device' }, authenticators: { userpass: { accessor } }, reenroll_with_certificate: true })
  await must('POST', 'pki/config/cmp', { enabled: true, default_path_policy: 'role:device', shared_secrets: { 'device-1': cmpSecret } })
  writeFileSync(at('root.pem'), String((await must('GET', 'pki/cert/ca'))['certificate']))
  await newRequest('a', '/CN=a.example.com', 'DNS:a.example.com')
})
after(() => server?.stop())

test('EST: the certificates of the authority are fetched without a token, and are those of the chain', { skip }, async () => {
  for (const path of ['.well-known/est/cacerts', '.well-known/est/phones/cacerts', 'v1/pki/est/cacerts', 'v1/pki/roles/device/est/cacerts']) {
    assert.match(await certificateFrom(await curl(path), 'ca'), /CN = Root/)
  }
  assert.equal((await curl('.well-known/est/nothing/cacerts')).status, 404)
  assert.equal((await curl('.well-known/acme/directory')).status, 404)
})

test('EST: what a request should say is told', { skip }, async () => {
  const { status, text } = await curl('.well-known/est/csrattrs')
  assert.equal(status, 200)
  writeFileSync(at('attributes.der'), Buffer.from(text, 'base64'))
  assert.match(await openssl('asn1parse', '-inform', 'DER', '-in', 'attributes.der'), /id-ecPublicKey[\s\S]*prime256v1[\s\S]*ecdsa-with-SHA256/)
})

test('EST: a client enrols with a password, and its certificate is valid', { skip }, async () => {
  const said = await certificateFrom(await enroll('.well-known/est/simpleenroll', 'a', ...withPassword), 'a')
  assert.match(said, /CN = a\.example\.com[\s\S]*DNS:a\.example\.com/)
  await certificateFrom(await curl('.well-known/est/cacerts'), 'ca')
  assert.match(await openssl('verify', '-CAfile', 'ca.crt', 'a.crt'), /a\.crt: OK/)
  const serial = /serial=([0-9A-F]+)/.exec(said)?.[1]?.toLowerCase().replaceAll(/(..)(?=.)/g, '$1:') ?? ''
  assert.match(String((await must('GET', `pki/cert/${serial}`))['certificate']), /BEGIN CERTIFICATE/)
})

test('EST: who says nothing, or the wrong password, is asked to say who it is; who may not, is refused; no login is left behind', { skip }, async () => {
  for (const options of [[], ['--user', 'device:wrong'], ['--user', '../device:correct horse']]) {
    const { status, head } = await enroll('.well-known/est/simpleenroll', 'a', ...options)
    assert.equal(status, 401, String(options))
    assert.match(head, /www-authenticate: Basic realm=/i)
  }
  assert.equal((await enroll('.well-known/est/simpleenroll', 'a', '--user', 'stranger:correct horse')).status, 403)
  const before = (await must('LIST', 'auth/token/accessors'))['keys'] as readonly string[]
  assert.equal((await enroll('.well-known/est/simpleenroll', 'a', ...withPassword)).status, 200)
  assert.deepEqual((await must('LIST', 'auth/token/accessors'))['keys'], before)
})

test('EST: names that the role does not allow, and bodies that are no request, are refused', { skip }, async () => {
  await newRequest('evil', '/CN=a.example.org', 'DNS:a.example.org')
  assert.match((await enroll('.well-known/est/simpleenroll', 'evil', ...withPassword)).text, /not allowed by this role/)
  writeFileSync(at('junk.b64'), 'bm90aGluZw==')
  for (const name of ['junk', 'a.key']) {
    if (name === 'a.key') writeFileSync(at('a.key.b64'), readFileSync(at('a.key')))
    assert.equal((await enroll('.well-known/est/simpleenroll', name, ...withPassword)).status, 400)
  }
})

test('EST: a certificate renews itself for the same names, and for no others; a revoked one does not', { skip }, async () => {
  await certificateFrom(await enroll('v1/pki/roles/device/est/simpleenroll', 'a', ...withPassword), 'a')
  await newRequest('again', '/CN=a.example.com', 'DNS:a.example.com')
  await newRequest('more', '/CN=a.example.com', 'DNS:b.example.com')
  const client = ['--cert', 'a.crt', '--key', 'a.key']
  assert.match(await certificateFrom(await enroll('.well-known/est/simplereenroll', 'again', ...client), 'again'), /CN = a\.example\.com/)
  assert.match((await enroll('.well-known/est/simplereenroll', 'more', ...client)).text, /alternative names of the request are not those/)
  assert.equal((await enroll('.well-known/est/simpleenroll', 'again', ...client)).status, 401)
  await must('POST', 'pki/revoke', { certificate: readFileSync(at('a.crt'), 'latin1') })
  assert.equal((await enroll('.well-known/est/simplereenroll', 'again', ...client)).status, 401)
  await openssl('req', '-x509', '-key', 'a.key', '-subj', '/CN=a.example.com', '-addext', 'subjectAltName=DNS:a.example.com', '-days', '1', '-out', 'own.crt')
  assert.equal((await enroll('.well-known/est/simplereenroll', 'again', '--cert', 'own.crt', '--key', 'a.key')).status, 401)
})

test('EST: nothing is served before it is enabled', { skip }, async () => {
  await must('POST', 'sys/mounts/other', { type: 'pki' })
  assert.equal((await curl('v1/other/est/cacerts')).status, 404)
  assert.equal((await enroll('v1/other/est/simpleenroll', 'a', ...withPassword)).status, 401)
})

/** One transaction of CMP; what openssl says of it. */
async function cmp(command: string, ...options: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  const { host } = new URL(server.addr)
  const fixed = ['-server', host, '-path', 'v1/pki/cmp', '-tls_used', '-tls_trusted', 'vault-ca.pem', '-batch', '-trusted', 'root.pem']
  const { code, stdout, stderr } = await run('openssl', 'cmp', '-cmd', command, ...fixed, ...options)
  return { code, text: stdout + stderr }
}

async function cmpOk(...argv: readonly [string, ...string[]]): Promise<void> {
  const { code, text } = await cmp(...argv)
  assert.equal(code, 0, `${argv.join(' ')}: ${text}`)
}

async function cmpRefused(reason: RegExp, ...argv: readonly [string, ...string[]]): Promise<void> {
  const { code, text } = await cmp(...argv)
  assert.notEqual(code, 0, text)
  assert.match(text, reason)
}

const bySecret = ['-ref', 'device-1', '-secret', `pass:${cmpSecret}`]
const wish = (name: string, host = `${name}.example.com`): string[] => ['-newkey', `${name}.key`, '-subject', `/CN=${host}`, '-sans', host, '-certout', `${name}.crt`]
const byCertificate = (name: string): string[] => ['-cert', `${name}.crt`, '-key', `${name}.key`]
const subjectOf = (name: string): Promise<string> => openssl('x509', '-in', `${name}.crt`, '-noout', '-subject', '-ext', 'subjectAltName')

async function newKey(name: string): Promise<void> {
  await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
}

test('CMP: a client enrols with a shared secret, updates its key with the certificate, and revokes it', { skip }, async () => {
  await newKey('first')
  await newKey('second')
  await cmpOk('ir', ...bySecret, ...wish('first'))
  assert.match(await subjectOf('first'), /CN = first\.example\.com[\s\S]*DNS:first\.example\.com/)
  assert.match(await openssl('verify', '-CAfile', 'root.pem', 'first.crt'), /OK/)
  await cmpOk('kur', ...byCertificate('first'), '-oldcert', 'first.crt', '-newkey', 'second.key', '-certout', 'second.crt')
  assert.match(await subjectOf('second'), /CN = first\.example\.com/)
  await cmpOk('rr', ...byCertificate('second'), '-oldcert', 'second.crt', '-revreason', '1')
  await cmpRefused(/signerNotTrusted/, 'kur', ...byCertificate('second'), '-oldcert', 'second.crt', '-newkey', 'second.key', '-certout', 'x.crt')
  await cmpRefused(/notAuthorized/, 'rr', ...byCertificate('first'), '-oldcert', 'second.crt')
})

test('CMP: requests of PKCS #10, without a confirmation, and by the path of a role are served', { skip }, async () => {
  await newKey('plain')
  await cmpOk('p10cr', ...bySecret, '-csr', 'a.pem', '-certout', 'p10.crt')
  assert.match(await subjectOf('p10'), /CN = a\.example\.com/)
  await cmpOk('cr', ...bySecret, '-implicit_confirm', ...wish('plain'))
  await cmpOk('cr', ...bySecret, ...wish('plain'), '-path', 'v1/pki/roles/device/cmp')
  assert.match(await subjectOf('plain'), /CN = plain\.example\.com/)
})

test('CMP: a wrong secret, names that are not allowed, and a certificate that asks for other names are refused; a certificate that is not taken is revoked', { skip }, async () => {
  await newKey('third')
  await cmpRefused(/badMessageCheck/, 'ir', '-ref', 'device-1', '-secret', 'pass:wrong horse', ...wish('third'))
  await cmpRefused(/badMessageCheck/, 'ir', '-ref', 'device-2', '-secret', `pass:${cmpSecret}`, ...wish('third'))
  await cmpRefused(/badCertTemplate.*not allowed by this role/, 'ir', ...bySecret, ...wish('third', 'third.example.org'))
  await cmpRefused(/badPOP/, 'ir', ...bySecret, ...wish('third'), '-popo', '0')
  await cmpOk('ir', ...bySecret, ...wish('third'))
  await cmpRefused(/notAuthorized/, 'cr', ...byCertificate('third'), ...wish('third', 'fourth.example.com'))
  const count = async (): Promise<number> => ((await api('LIST', 'pki/certs/revoked')).data['keys'] as readonly string[] | undefined)?.length ?? 0
  const before = await count()
  await cmpRefused(/./, 'ir', ...bySecret, ...wish('third'), '-out_trusted', 'vault-ca.pem')
  assert.equal(await count(), before + 1)
})
