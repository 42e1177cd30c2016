/** Enrolment protocols with clients that are not ours, over TLS: EST with curl. openssl judges what comes back. */
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
const withPassword = ['--user', 'device:correct horse']

before(async () => {
  if (skip) return
  server = await startTlsServer()
  await must('POST', 'sys/mounts/pki', { type: 'pki' })
  await must('POST', 'pki/root/generate/internal', { common_name: 'Root', key_type: 'ec', ttl: '300h' })
  await must('POST', 'pki/roles/device', { allowed_domains: 'example.com', allow_subdomains: true, key_type: 'ec', ttl: '24h' })
  await must('POST', 'sys/auth/userpass', { type: 'userpass' })
  await must('PUT', 'sys/policies/acl/enrol', { policy: 'path "pki/est/*" { capabilities = ["update"] }\npath "pki/roles/device/est/*" { capabilities = ["update"] }' })
  await must('POST', 'auth/userpass/users/device', { password: 'correct horse', token_policies: 'enrol' })
  await must('POST', 'auth/userpass/users/stranger', { password: 'correct horse' })
  const methods = await must('GET', 'sys/auth')
  const { accessor } = methods['userpass/'] as { readonly accessor: string }
  await must('POST', 'pki/config/est', { enabled: true, default_mount: true, default_path_policy: 'role:device', label_to_path_policy: { phones: 'role:device' }, authenticators: { userpass: { accessor } }, reenroll_with_certificate: true })
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
