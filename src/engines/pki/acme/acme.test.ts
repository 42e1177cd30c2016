/** The ACME server against clients that mean no good. Clients that do are in compat/clients. */
import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { JsonObject } from '../../../kit/json.ts'
import { memoryStore } from '../../../storage/memory.ts'
import { beginTransaction } from '../../../storage/transaction.ts'
import type { Answer } from '../../testing/harness.ts'
import { derOf, requestFor, textOf, withRoot, type Authority } from '../testing/authority.ts'
import { checkHttp } from './challenges.ts'
import { reachableAddress } from './addresses.ts'
import { readAcmeConfig, type AcmeConfig } from './config.ts'
import { AcmeProblem } from './problem.ts'
import { authorizations } from './records.ts'

const base = 'https://h/v1/pki/'
const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

interface Reply {
  readonly status: number
  readonly body: JsonObject
  readonly headers: Answer['headers']
  readonly text: string
}

interface Client {
  readonly key: KeyObject
  readonly jwk: JsonObject
  /** Sends; `change` may spoil the protected header or the envelope. */
  readonly post: (path: string, payload: unknown, change?: { readonly header?: object; readonly envelope?: object }) => Promise<Reply>
  readonly url: () => string
}

const openRun = async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction, null)
  await one.ok('POST', 'config/cluster', { path: base.slice(0, -1) })
  await one.ok('POST', 'config/acme', { enabled: true })
  await one.ok('POST', 'roles/web', { allowed_domains: 'example.com', allow_subdomains: true, key_type: 'any' })
  return { ...one, store }
}

const replyOf = (answer: Answer): Reply => {
  const text = answer.bytes?.toString() ?? ''
  return { status: answer.status, text, headers: answer.headers, body: text.startsWith('{') ? (JSON.parse(text) as JsonObject) : {} }
}

function client({ run }: Authority, directory = 'roles/web/acme/'): Client {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const jwk = { crv, kty, x, y } as JsonObject
  let kid = ''
  return {
    key: privateKey,
    jwk,
    url: () => kid,
    async post(path, payload, { header = {}, envelope = {} } = {}) {
      const nonce = (await run.send('GET', `${directory}new-nonce`)).headers.get('replay-nonce')
      const identity = kid === '' || path === 'new-account' ? { jwk } : { kid }
      const head = encode({ alg: 'ES256', nonce, url: `${base}${directory}${path}`, ...identity, ...header })
      const body = payload === null ? '' : encode(payload)
      const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
      const reply = replyOf(await run.send('POST', directory + path, { protected: head, payload: body, signature, ...envelope }))
      if (path === 'new-account' && reply.status < 300) kid = reply.headers.get('location') ?? ''
      return reply
    },
  }
}

async function problemOf(reply: Promise<Reply>, type: string): Promise<string> {
  const { status, body } = await reply
  assert.equal(body['type'], `urn:ietf:params:acme:error:${type}`, JSON.stringify(body))
  assert.ok(status >= 400)
  return String(body['detail'])
}

/** An order for names whose control counts as proven. */
async function readyOrder(one: Awaited<ReturnType<typeof openRun>>, who: Client, names: readonly string[]): Promise<string> {
  const made = await who.post('new-order', { identifiers: names.map((value) => ({ type: /^[\d.]+$/.test(value) ? 'ip' : 'dns', value })) })
  assert.equal(made.status, 201, made.text)
  for (const url of made.body['authorizations'] as readonly string[]) {
    const id = url.split('/').at(-1) ?? ''
    const entry = await one.store.get(authorizations.key(id))
    assert.ok(entry)
    await one.store.commit([], [{ put: authorizations.key(id), value: authorizations.encode({ ...authorizations.decode(entry), status: 'valid' }) }])
  }
  return (made.headers.get('location') ?? '').split('/').at(-1) ?? ''
}

const csrOf = async (...args: Parameters<typeof requestFor>): Promise<string> => derOf(await requestFor(...args)).toString('base64url')

test('a CSR gets what was proven and nothing else: no other name, of no kind (CVE-2026-105818)', async () => {
  const one = await openRun()
  const who = client(one)
  await who.post('new-account', { termsOfServiceAgreed: true })
  const order = await readyOrder(one, who, ['a.example.com'])
  const smuggled: readonly Parameters<typeof requestFor>[] = [
    ['a.example.com', { dns: ['a.example.com', 'b.example.com'] }], ['b.example.com', { dns: ['a.example.com'] }], ['a.example.com', { dns: ['a.example.com'], email: ['me@example.com'] }],
    ['a.example.com', { uri: ['spiffe://x/y'] }], ['a.example.com', { ip: ['10.0.0.1'] }], ['a.example.com', { other: [{ oid: '1.3.6.1.4.1.311.20.2.3', value: 'admin@example.com' }] }], ['', {}],
  ]
  for (const wish of smuggled) await problemOf(who.post(`order/${order}/finalize`, { csr: await csrOf(...wish) }), 'badCSR')
  const done = await who.post(`order/${order}/finalize`, { csr: await csrOf('a.example.com', { dns: ['A.example.com'] }) })
  assert.equal(done.body['status'], 'valid')
  const { text } = await who.post(`order/${order}/cert`, null)
  const certificate = new X509Certificate(text)
  assert.equal(certificate.subjectAltName?.toLowerCase(), 'dns:a.example.com')
  assert.equal(certificate.subject, 'CN=a.example.com')
  await problemOf(who.post(`order/${order}/finalize`, { csr: await csrOf('a.example.com') }), 'orderNotReady')
})

test('the role’s rules hold for ACME too, also those for addresses', async () => {
  const one = await openRun()
  const who = client(one)
  await who.post('new-account', {})
  await problemOf(who.post('new-order', { identifiers: [{ type: 'dns', value: 'example.org' }] }), 'rejectedIdentifier')
  await one.ok('POST', 'roles/web', { allow_any_name: true, key_type: 'ec', allowed_ip_sans_cidr: '10.0.0.0/8' })
  await problemOf(who.post('new-order', { identifiers: [{ type: 'ip', value: '192.0.2.1' }] }), 'rejectedIdentifier')
  const order = await readyOrder(one, who, ['10.0.0.1'])
  assert.equal((await who.post(`order/${order}/finalize`, { csr: await csrOf('', { ip: ['10.0.0.1'] }) })).body['status'], 'valid')
  for (const value of ['', 'a..b', '*.*.example.com', 'a/b', '10.0.0.1', 'a b.example.com', 'xn--', 'a.example.com.']) {
    assert.ok((await who.post('new-order', { identifiers: [{ type: 'dns', value }] })).status >= 400, value)
  }
  await problemOf(who.post('new-order', { identifiers: [{ type: 'email', value: 'a@b.c' }] }), 'unsupportedIdentifier')
})

test('requests that are forged, repeated, or meant for another place are refused', async () => {
  const one = await openRun()
  const who = client(one)
  await who.post('new-account', {})
  const url = `${base}roles/web/acme/new-order`
  await problemOf(who.post('new-order', {}, { envelope: { payload: encode({ identifiers: [] }) } }), 'malformed')
  await problemOf(who.post('new-order', {}, { header: { url: `${base}acme/new-order` } }), 'unauthorized')
  await problemOf(who.post('new-order', {}, { header: { nonce: 'AAAA' } }), 'badNonce')
  await problemOf(who.post('new-order', {}, { header: { alg: 'HS256' } }), 'badSignatureAlgorithm')
  await problemOf(who.post('new-order', {}, { header: { alg: 'none' } }), 'badSignatureAlgorithm')
  await problemOf(who.post('new-order', {}, { header: { kid: `${who.url()}x` } }), 'accountDoesNotExist')
  await problemOf(who.post('new-order', {}, { header: { jwk: who.jwk } }), 'malformed')
  await problemOf(who.post('new-order', {}, { header: { crit: ['x'] } }), 'malformed')
  await problemOf(who.post('new-account', {}, { header: { jwk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' } } }), 'badPublicKey')
  await problemOf(who.post('new-account', {}, { header: { jwk: { ...who.jwk, d: 'AAAA' } } }), 'badPublicKey')
  const nonce = (await one.run.send('GET', 'roles/web/acme/new-nonce')).headers.get('replay-nonce')
  assert.equal((await who.post('orders', null, { header: { nonce } })).status, 200)
  await problemOf(who.post('orders', null, { header: { nonce } }), 'badNonce')
  one.run.clock.now += 3_600_000
  await problemOf(who.post('new-order', {}, { header: { url, nonce } }), 'badNonce')
  await one.run.chore('forget nonces')
  assert.deepEqual(await one.store.list('nonces/'), [])
})

test('an account reaches what is its own only, and only from its own directory', async () => {
  const one = await openRun()
  const [who, other, elsewhere] = [client(one), client(one), client(one, 'acme/')]
  for (const each of [who, other, elsewhere]) await each.post('new-account', {})
  const order = await readyOrder(one, who, ['a.example.com'])
  const [authorization = ''] = (await who.post(`order/${order}`, null)).body['authorizations'] as readonly string[]
  const id = authorization.split('/').at(-1) ?? ''
  for (const path of [`order/${order}`, `order/${order}/cert`, `authorization/${id}`, `challenge/${id}/http-01`]) assert.equal((await other.post(path, null)).status, 404, path)
  await problemOf(other.post(`account/${who.url().split('/').at(-1)}`, { status: 'deactivated' }), 'unauthorized')
  await problemOf(who.post('orders', null, { header: { kid: elsewhere.url() } }), 'accountDoesNotExist')
  await who.post(`order/${order}/finalize`, { csr: await csrOf('a.example.com') })
  const certificate = derOf((await who.post(`order/${order}/cert`, null)).text).toString('base64url')
  await problemOf(other.post('revoke-cert', { certificate }), 'unauthorized')
  assert.equal((await who.post('revoke-cert', { certificate, reason: 4 })).status, 200)
  await problemOf(who.post('revoke-cert', { certificate }), 'alreadyRevoked')
  await who.post(`account/${who.url().split('/').at(-1)}`, { status: 'deactivated' })
  await problemOf(who.post('orders', null), 'unauthorized')
})

test('a key can be changed by whoever has both', async () => {
  const one = await openRun()
  const [who, next] = [client(one), client(one)]
  await who.post('new-account', {})
  const url = `${base}roles/web/acme/key-change`
  const inner = (signer: Client, named: string): object => {
    const head = encode({ alg: 'ES256', jwk: next.jwk, url })
    const payload = encode({ account: named, oldKey: who.jwk })
    return { protected: head, payload, signature: sign('sha256', Buffer.from(`${head}.${payload}`), { key: signer.key, dsaEncoding: 'ieee-p1363' }).toString('base64url') }
  }
  await problemOf(who.post('key-change', inner(who, who.url())), 'malformed')
  await problemOf(who.post('key-change', inner(next, `${who.url()}x`)), 'malformed')
  assert.equal((await who.post('key-change', inner(next, who.url()))).status, 200)
  await problemOf(who.post('orders', null), 'malformed')
  assert.equal((await next.post('new-account', { onlyReturnExisting: true })).headers.get('location'), who.url())
})

test('bindings are for one account, one directory and the key that they name', async () => {
  const one = await openRun()
  await one.ok('POST', 'config/acme', { eab_policy: 'always-required' })
  const who = client(one)
  await problemOf(who.post('new-account', {}), 'externalAccountRequired')
  const made = await one.ok('POST', 'roles/web/acme/new-eab')
  const binding = (jwk: JsonObject, directory = 'roles/web/acme/', secret = textOf(made, 'key')): object => {
    const head = encode({ alg: 'HS256', kid: made['id'], url: `${base}${directory}new-account` })
    return { protected: head, payload: encode(jwk), signature: createHmac('sha256', Buffer.from(secret, 'base64url')).update(`${head}.${encode(jwk)}`).digest('base64url') }
  }
  for (const bad of [binding(client(one).jwk), binding(who.jwk, 'acme/'), binding(who.jwk, 'roles/web/acme/', 'vault-eab-0-AAAA')]) await problemOf(who.post('new-account', { externalAccountBinding: bad }), 'unauthorized')
  assert.equal((await who.post('new-account', { externalAccountBinding: binding(who.jwk) })).status, 201)
  await problemOf(client(one).post('new-account', { externalAccountBinding: binding(who.jwk) }), 'unauthorized')
  assert.equal((await who.post('orders', null)).status, 200)
})

test('renewal information names the last third of a certificate’s life, and now after a revocation (RFC 9773)', async () => {
  const one = await openRun()
  const issued = await one.ok('POST', 'issue/any', { common_name: 'a.example.com' })
  const certificate = new X509Certificate(textOf(issued, 'certificate'))
  const der = derOf(textOf(issued, 'certificate'))
  const authority = der.indexOf(Buffer.from('0603551d23', 'hex'))
  const id = `${der.subarray(authority + 11, authority + 31).toString('base64url')}.${Buffer.from(certificate.serialNumber, 'hex').toString('base64url')}`
  const ask = async (): Promise<JsonObject> => replyOf(await one.run.send('GET', `acme/renewal-info/${id}`)).body['suggestedWindow'] as JsonObject
  const start = Date.parse(textOf(await ask(), 'start'))
  assert.ok(start > one.run.clock.now && start < Date.parse(certificate.validTo))
  await one.ok('POST', 'revoke', { serial_number: issued['serial_number'] ?? null })
  assert.ok(Date.parse(textOf(await ask(), 'end')) < one.run.clock.now)
  assert.equal((await one.run.send('GET', 'acme/renewal-info/AAAA.AAAA')).status, 404)
})

const config = async (changes: Partial<AcmeConfig>): Promise<AcmeConfig> => ({ ...(await readAcmeConfig({ get: async () => null })), ...changes })

test('challenges reach no private, local or reserved address, unless that is permitted (GO-2026-5262)', async () => {
  const closed = await config({})
  for (const address of ['127.0.0.1', '10.1.2.3', '169.254.169.254', '192.168.0.1', '100.64.0.1', '0.0.0.0', '::1', '::', 'fe80::1', 'fd00::1', '::ffff:127.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '255.255.255.255', '224.0.0.1']) {
    await assert.rejects(reachableAddress(closed, address), AcmeProblem, address)
  }
  for (const address of ['1.1.1.1', '2606:4700::1111']) assert.equal(await reachableAddress(closed, address), address)
  assert.equal(await reachableAddress(await config({ challenge_permitted_ip_ranges: ['10.0.0.0/8'] }), '10.1.2.3'), '10.1.2.3')
})

async function serveWith(t: TestContext, answer: (path: string) => { readonly status: number; readonly location?: string; readonly body?: string }): Promise<number> {
  const server: Server = createServer((request, response) => {
    const { status, location, body = '' } = answer(request.url ?? '')
    response.writeHead(status, location === undefined ? {} : { Location: location }).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(async () => {
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  })
  return (server.address() as AddressInfo).port
}

test('redirects are judged like the first address, and answers are bounded', async (t) => {
  const identifier = { type: 'ip', value: '127.0.0.1' } as const
  const seen: string[] = []
  let location = ''
  const port = await serveWith(t, (path) => {
    seen.push(path)
    return path.startsWith('/end') ? { status: 200, body: 'token.key\n' } : path.startsWith('/large') ? { status: 200, body: 'x'.repeat(1_000_000) } : { status: 302, location }
  })
  const open = await config({ challenge_permitted_ip_ranges: ['127.0.0.1/32'], challenge_http_port: port })
  const attempt = (to: string): Promise<void> => {
    location = to
    return checkHttp(open, identifier, 'token', 'token.key')
  }
  await attempt(`http://127.0.0.1:${port}/end`)
  for (const bad of ['http://169.254.169.254/latest', 'http://127.0.0.2:80/', 'file:///etc/passwd', 'http://127.0.0.1:22/', `http://user@127.0.0.1:${port}/end`, `http://127.0.0.1:${port}/large`, '::', '/again']) {
    await assert.rejects(attempt(bad), AcmeProblem, bad)
  }
  assert.ok(seen.length < 40)
})

test('what is over goes: orders with their certificate, then accounts', async () => {
  const one = await openRun()
  const who = client(one)
  await who.post('new-account', {})
  const order = await readyOrder(one, who, ['a.example.com'])
  const day = 86_400_000
  const tidy = async (days: number): Promise<JsonObject> => {
    one.run.clock.now += days * day
    await one.ok('POST', 'tidy', { tidy_acme: true, safety_buffer: '1h', acme_account_safety_buffer: '240h' })
    await one.run.chore('tidy')
    return await one.ok('GET', 'tidy-status')
  }
  assert.equal((await tidy(0))['acme_orders_deleted_count'], 0)
  assert.equal((await tidy(3))['acme_orders_deleted_count'], 1)
  assert.equal((await who.post(`order/${order}`, null)).status, 404)
  assert.equal((await tidy(30))['acme_account_revoked_count'], 1)
  assert.equal((await tidy(30))['acme_account_deleted_count'], 1)
  await problemOf(who.post('orders', null), 'accountDoesNotExist')
})
