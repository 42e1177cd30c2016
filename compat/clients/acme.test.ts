/** ACME with clients that are not ours: lego and certbot get certificates by every challenge, renew and revoke them. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cleanEnvironment, findFreePort, startDevServer, type TestServer } from '../server.ts'
import { startDnsServer, type DnsServer } from './dns-server.ts'
import { missingProgram, runProgram } from './shell.ts'

const noLego = missingProgram(['lego', '--version'])
const noCertbot = missingProgram(['certbot', '--version'])
const skipAll = noLego && noCertbot

let server: TestServer
let dns: DnsServer
let hook: Server
let ports: { readonly http: number; readonly tls: number }

interface Answered {
  readonly status: number
  readonly data: Readonly<Record<string, unknown>>
}

async function api(method: string, path: string, body?: object): Promise<Answered> {
  const answer = await fetch(`${server.addr}/v1/${path}`, { method, headers: { 'X-Vault-Token': server.token }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await answer.text()
  return { status: answer.status, data: text === '' ? {} : ((JSON.parse(text) as { data: Readonly<Record<string, unknown>> | null }).data ?? {}) }
}

async function must(method: string, path: string, body?: object): Promise<Answered['data']> {
  const { status, data } = await api(method, path, body)
  assert.ok(status < 300, `${method} ${path}: ${status}`)
  return data
}

/** Where the clients' hooks put TXT records: `/set/NAME/VALUE` and `/clear/NAME`. */
async function startHook(): Promise<Server> {
  const made = createServer((request, response) => {
    const [, action, name = '', value = ''] = (request.url ?? '').split('/')
    dns.setTxt(name, action === 'set' ? [value] : [])
    response.end()
  })
  await new Promise<void>((done) => made.listen(0, '127.0.0.1', done))
  return made
}

const hookUrl = (): string => `http://127.0.0.1:${(hook.address() as AddressInfo).port}`

before(async () => {
  if (skipAll) return
  server = await startDevServer()
  dns = await startDnsServer()
  hook = await startHook()
  ports = { http: await findFreePort(), tls: await findFreePort() }
  await must('POST', 'sys/mounts/pki', { type: 'pki' })
  await must('POST', 'pki/root/generate/internal', { common_name: 'Root', key_type: 'ec', ttl: '300h' })
  await must('POST', 'pki/roles/web', { allowed_domains: 'example.com', allow_subdomains: true, key_type: 'any', max_ttl: '48h' })
  await must('POST', 'pki/config/cluster', { path: `${server.addr}/v1/pki` })
  await must('POST', 'pki/config/acme', {
    enabled: true, dns_resolver: dns.address, challenge_permitted_ip_ranges: '127.0.0.0/8', challenge_http_port: ports.http, challenge_tls_port: ports.tls,
  })
})

after(async () => {
  if (skipAll) return
  await dns.stop()
  hook.closeAllConnections()
  await new Promise((done) => hook.close(done))
  await server.stop()
})

async function lego(name: string, options: readonly string[], env: Readonly<Record<string, string>> = {}, directory = 'roles/web/acme/directory'): Promise<{ readonly code: number | null; readonly text: string; readonly certificate: () => X509Certificate; readonly path: string }> {
  const path = join(server.folder, name)
  const argv = ['lego', '--server', `${server.addr}/v1/pki/${directory}`, '--accept-tos', '--email', 'me@example.com', '--path', path, ...options]
  const { code, stdout, stderr } = await runProgram(argv, { env: cleanEnvironment(server.folder, env) })
  const domain = options[options.indexOf('--domains') + 1]?.replace('*', '_') ?? ''
  return { code, text: stdout + stderr, path, certificate: () => new X509Certificate(readFileSync(join(path, 'certificates', `${domain}.crt`))) }
}

async function dnsHook(): Promise<Readonly<Record<string, string>>> {
  const script = join(server.folder, 'hook.sh')
  writeFileSync(script, `#!/bin/sh\n[ "$1" = present ] && exec curl -fsS "${hookUrl()}/set/\${2%.}/$3"\nexec curl -fsS "${hookUrl()}/clear/\${2%.}"\n`, { mode: 0o755 })
  return { EXEC_PATH: script, EXEC_PROPAGATION_TIMEOUT: '5', EXEC_POLLING_INTERVAL: '1' }
}

test('lego proves a name by http-01, and revokes the certificate', { skip: noLego }, async () => {
  const made = await lego('http', ['--domains', 'a.example.com', '--domains', 'b.example.com', '--http', '--http.port', `127.0.0.1:${ports.http}`, 'run'])
  assert.equal(made.code, 0, made.text)
  const certificate = made.certificate()
  assert.equal(certificate.subjectAltName, 'DNS:a.example.com, DNS:b.example.com')
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  const revoked = await lego('http', ['--domains', 'a.example.com', 'revoke'])
  assert.equal(revoked.code, 0, revoked.text)
  const serial = certificate.serialNumber.toLowerCase().replaceAll(/(..)(?=.)/g, '$1:')
  assert.notEqual((await must('GET', `pki/cert/${serial}`))['revocation_time'], 0)
})

test('lego proves a name by tls-alpn-01', { skip: noLego }, async () => {
  const made = await lego('tls', ['--domains', 'tls.example.com', '--tls', '--tls.port', `127.0.0.1:${ports.tls}`, 'run'])
  assert.equal(made.code, 0, made.text)
  assert.equal(made.certificate().subjectAltName, 'DNS:tls.example.com')
})

test('lego proves a wildcard by dns-01', { skip: noLego }, async () => {
  const made = await lego('dns', ['--domains', '*.wild.example.com', '--dns', 'exec', '--dns.resolvers', dns.address, '--dns.disable-cp', 'run'], await dnsHook())
  assert.equal(made.code, 0, made.text)
  assert.equal(made.certificate().subjectAltName, 'DNS:*.wild.example.com')
})

test('lego makes an account with an external binding only where one is asked for, and each binding once', { skip: noLego }, async () => {
  await must('POST', 'pki/config/acme', { eab_policy: 'new-account-required' })
  const http = ['--domains', 'eab.example.com', '--http', '--http.port', `127.0.0.1:${ports.http}`]
  const without = await lego('eab-none', [...http, 'run'])
  assert.notEqual(without.code, 0)
  const { id, key } = await must('POST', 'pki/roles/web/acme/new-eab')
  const bound = ['--eab', '--kid', String(id), '--hmac', String(key)]
  const made = await lego('eab', [...bound, ...http, 'run'])
  assert.equal(made.code, 0, made.text)
  const again = await lego('eab-again', [...bound, ...http, 'run'])
  assert.notEqual(again.code, 0)
  await must('POST', 'pki/config/acme', { eab_policy: 'not-required' })
})

test('lego gets nothing that the role does not allow, and nothing that it cannot prove', { skip: noLego }, async () => {
  const refused = await lego('refused', ['--domains', 'a.example.org', '--http', '--http.port', `127.0.0.1:${ports.http}`, 'run'])
  assert.notEqual(refused.code, 0)
  assert.match(refused.text, /rejectedIdentifier/)
  const elsewhere = await findFreePort()
  const unproven = await lego('unproven', ['--domains', 'c.example.com', '--http', '--http.port', `127.0.0.1:${elsewhere}`, 'run'])
  assert.notEqual(unproven.code, 0)
  assert.match(unproven.text, /connection/)
})

function certbot(name: string, options: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const folder = join(server.folder, name)
  mkdirSync(folder, { recursive: true })
  const argv = ['certbot', ...options, '--server', `${server.addr}/v1/pki/acme/directory`, '--config-dir', join(folder, 'config'), '--work-dir', join(folder, 'work'), '--logs-dir', join(folder, 'logs'), '-n']
  return runProgram(argv, { env: cleanEnvironment(server.folder) })
}

test('certbot proves a name by http-01, renews and revokes', { skip: noCertbot }, async () => {
  const standalone = ['--standalone', '--preferred-challenges', 'http', '--http-01-port', `${ports.http}`, '--http-01-address', '127.0.0.1']
  const made = await certbot('certbot', ['certonly', ...standalone, '--register-unsafely-without-email', '--agree-tos', '-d', 'cert.example.com'])
  assert.equal(made.code, 0, made.stderr)
  const live = join(server.folder, 'certbot/config/live/cert.example.com')
  const first = new X509Certificate(readFileSync(join(live, 'cert.pem')))
  assert.equal(first.subjectAltName, 'DNS:cert.example.com')
  const renewed = await certbot('certbot', ['renew', '--force-renewal', '--no-random-sleep-on-renew'])
  assert.equal(renewed.code, 0, renewed.stderr)
  assert.notEqual(new X509Certificate(readFileSync(join(live, 'cert.pem'))).serialNumber, first.serialNumber)
  const revoked = await certbot('certbot', ['revoke', '--cert-name', 'cert.example.com', '--delete-after-revoke'])
  assert.equal(revoked.code, 0, revoked.stderr)
})

test('certbot proves a wildcard by dns-01', { skip: noCertbot }, async () => {
  const auth = `curl -fsS ${hookUrl()}/set/_acme-challenge.$CERTBOT_DOMAIN/$CERTBOT_VALIDATION`
  const made = await certbot('certbot-dns', ['certonly', '--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', auth, '--register-unsafely-without-email', '--agree-tos', '-d', '*.cb.example.com'])
  assert.equal(made.code, 0, made.stderr)
})
