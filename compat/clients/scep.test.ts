/** SCEP with a library that is not ours (a Go module from the proxy): first certificates with a challenge, renewals with the certificate that ends. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import { projectRoot, startDevServer, type TestServer } from '../server.ts'
import { buildGoProgram } from './go-program.ts'
import { runProgram, type Outcome } from './shell.ts'

const folder = mkdtempSync(join(tmpdir(), 'coffer-scep-'))
const program = join(folder, 'scep')
const skip = buildGoProgram(join(projectRoot, 'compat/clients/scep'), program)
let server: TestServer
const challenge = 'correct horse battery'

async function must(method: string, path: string, body?: object): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(`${server.addr}/v1/${path}`, { method, headers: { 'X-Vault-Token': server.token }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await answer.text()
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${text}`)
  return text === '' ? {} : ((JSON.parse(text) as { readonly data: Readonly<Record<string, unknown>> }).data ?? {})
}

interface Wish {
  readonly password?: string
  readonly name?: string
  /** Of which the certificate is renewed. */
  readonly from?: string
  readonly path?: string
}

const enrol = (out: string, { password = challenge, name = 'a.example.com', from, path = 'pki/scep' }: Wish = {}): Promise<Outcome> =>
  runProgram([program, `${server.addr}/v1/${path}`, from === undefined ? '19' : '17', password, name, `${out}.key`, from === undefined ? '-' : `${from}.crt`, `${from ?? ''}.key`, `${out}.crt`], { env: process.env, cwd: folder })

const certificate = (name: string): X509Certificate => new X509Certificate(readFileSync(join(folder, `${name}.crt`)))

async function enrolled(out: string, wish: Wish = {}): Promise<X509Certificate> {
  const { code, stderr } = await enrol(out, wish)
  assert.equal(code, 0, stderr)
  return certificate(out)
}

async function refused(wish: Wish, reason: RegExp): Promise<void> {
  const { code, stderr } = await enrol('refused', wish)
  assert.equal(code, 1)
  assert.match(stderr, reason)
}

before(async () => {
  if (skip) return
  server = await startDevServer()
  await must('POST', 'sys/mounts/pki', { type: 'pki' })
  await must('POST', 'pki/root/generate/internal', { common_name: 'Root', key_type: 'rsa', ttl: '300h' })
  await must('POST', 'pki/roles/device', { allowed_domains: 'example.com', allow_subdomains: true, key_type: 'rsa', ttl: '24h' })
  // The library signs with SHA-1 and cannot be told otherwise.
  await must('POST', 'pki/config/scep', { enabled: true, default_path_policy: 'role:device', static_challenge: challenge, allowed_digest_algorithms: 'sha-1,sha-256' })
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server?.stop()
})

test('SCEP: a client gets a certificate with the challenge, and renews it with itself', { skip }, async () => {
  const first = await enrolled('first')
  const root = new X509Certificate(String((await must('GET', 'pki/cert/ca'))['certificate']))
  assert.ok(first.verify(root.publicKey))
  assert.equal(first.subjectAltName, 'DNS:a.example.com')
  const second = await enrolled('second', { from: 'first', password: '' })
  assert.ok(second.verify(root.publicKey) && second.serialNumber !== first.serialNumber)
  assert.equal((await enrolled('of-role', { path: 'pki/roles/device/scep/pkiclient.exe' })).subject, 'CN=a.example.com')
})

test('SCEP: a wrong challenge, a name that the role does not allow, and a renewal for another name or of a revoked certificate are refused', { skip }, async () => {
  await enrolled('first')
  await refused({ password: 'wrong' }, /refused: badRequest/)
  await refused({ password: '' }, /refused: badRequest/)
  await refused({ name: 'a.example.org' }, /refused: badRequest/)
  await refused({ name: 'b.example.com', from: 'first', password: '' }, /refused: badMessageCheck/)
  await must('POST', 'pki/revoke', { certificate: certificate('first').toString() })
  await refused({ from: 'first', password: '' }, /refused: badMessageCheck/)
  await must('POST', 'pki/config/scep', { allowed_encryption_algorithms: 'aes128-cbc' })
  await refused({}, /refused: badAlg/)
  await must('POST', 'pki/config/scep', { enabled: false })
  await refused({}, /404/)
})
