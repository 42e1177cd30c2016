/**
 * Logins with certificates, JWTs and service accounts: what is sent, and what comes of it. A server of the test's own writes down what comes; with
 * `COFFER_TEST_PEER=/path/to/bao` a real one is asked besides.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { freePort, inPlace, type Place } from '../../server/testing/process.ts'
import { accountClaims, makeCertificate, makeKeys, serveOn, signJwt, startKubernetes } from '../testing/logins.ts'

const sink = 'sink "file" { config = { path = "token" } }'
const method = (type: string, values: string, more = ''): string => `auto_auth {\n method "${type}" {\n config = { ${values} }\n ${more} }\n ${sink}\n}\n`

interface Run {
  readonly code: number | null
  readonly err: string
  /** '' where there is none. */
  readonly token: string
}

/** Runs an agent until it has logged in, or has failed to; this process may be the one that answers. */
async function runAgent({ file, folder, environment }: Place, address: string, text: string): Promise<Run> {
  file('agent.hcl', `vault {\n address = "${address}"\n ca_cert = "server.pem"\n}\n${text}`)
  rmSync(join(folder, 'token'), { force: true })
  const child = spawn('coffer', ['agent', '-config=agent.hcl', '-exit-after-auth'], { cwd: folder, env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  child.stderr.on('data', (chunk: Buffer) => (err += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, err, token: existsSync(join(folder, 'token')) ? readFileSync(join(folder, 'token'), 'utf8') : '' }
}

async function tokenOf(place: Place, address: string, text: string): Promise<string> {
  const { code, err, token } = await runAgent(place, address, text)
  assert.equal(code, 0, err)
  assert.ok(!err.includes(token))
  return token
}

interface Login {
  readonly path: string
  readonly body: unknown
  readonly namespace: string
  /** The name in the certificate of the client. */
  readonly client: string
}

/** A server that takes every login. */
const recorded = (body: (place: Place, address: string, logins: Login[]) => Promise<void>) => () => inPlace(async (place) => {
  makeCertificate(place.folder, 'server')
  const logins: Login[] = []
  const [cert, key] = ['server.pem', 'server-key.pem'].map((name) => readFileSync(join(place.folder, name)))
  const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (request, response) => void request.toArray().then((chunks) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate() as { readonly subject?: { readonly CN: string } }
    logins.push({ path: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString()), namespace: String(request.headers['x-vault-namespace'] ?? ''), client: subject?.CN ?? '' })
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ auth: { client_token: `token-${logins.length}`, accessor: 'a', policies: [], lease_duration: 3600, renewable: true } }))
  }))
  const { address, stop } = await serveOn(server)
  try {
    await body(place, address, logins)
  } finally {
    await stop()
  }
})

test('cert: the certificate is that of the method, else that of the server block, read anew for each login', recorded(async (place, address, logins) => {
  for (const name of ['one', 'two']) makeCertificate(place.folder, name)
  const own = 'name = "web"\n ca_cert = "server.pem"\n client_cert = "one.pem"\n client_key = "one-key.pem"'
  assert.equal(await tokenOf(place, address, method('cert', own, 'namespace = "team"')), 'token-1')
  await tokenOf(place, `${address}"\n client_cert = "two.pem"\n client_key = "two-key.pem`, method('cert', ''))
  assert.deepEqual(logins, [
    { path: '/v1/auth/cert/login', body: { name: 'web' }, namespace: 'team', client: 'one' },
    { path: '/v1/auth/cert/login', body: {}, namespace: '', client: 'two' },
  ])
  const { code, err } = await runAgent(place, address, method('cert', 'client_cert = "one.pem"'))
  assert.equal(code, 1)
  assert.match(err, /auto_auth.method.cert.config.client_key is missing/)
  const lost = await runAgent(place, address, method('cert', 'client_cert = "nowhere.pem"\n client_key = "nowhere.pem"', 'exit_on_err = true'))
  assert.equal(lost.code, 1)
  assert.match(lost.err, /login failed: .*nowhere.pem/)
}))

test('jwt: the file is removed once the login was accepted, unless it should stay; of a link the link, or what it leads to', recorded(async (place, address, logins) => {
  const left = (name: string): boolean => existsSync(join(place.folder, name))
  const jwt = async (more: string): Promise<void> => {
    place.file('jwt', ' a.b.c\n')
    rmSync(join(place.folder, 'link'), { force: true })
    symlinkSync('jwt', join(place.folder, 'link'))
    await tokenOf(place, address, method('jwt', `role = "web"\n path = "link"\n ${more}`, 'mount_path = "auth/oidc/"'))
  }
  await jwt('remove_jwt_after_reading = false')
  assert.deepEqual([left('link'), left('jwt')], [true, true])
  await jwt('jwt_read_period = "10s"')
  assert.deepEqual([left('link'), left('jwt')], [false, true])
  await jwt('remove_jwt_follows_symlinks = true')
  assert.equal(left('jwt'), false)
  assert.deepEqual(logins, Array.from({ length: 3 }, () => ({ path: '/v1/auth/oidc/login', body: { role: 'web', jwt: 'a.b.c' }, namespace: '', client: '' })))
}))

test('kubernetes: the token of the service account is read and left', recorded(async (place, address, logins) => {
  place.file('account', 'a.b.c')
  await tokenOf(place, address, method('kubernetes', 'role = "web"\n token_path = "account"'))
  assert.deepEqual(logins, [{ path: '/v1/auth/kubernetes/login', body: { role: 'web', jwt: 'a.b.c' }, namespace: '', client: '' }])
  assert.ok(existsSync(join(place.folder, 'account')))
  const { code, err } = await runAgent(place, address, method('kubernetes', 'role = "web"', 'exit_on_err = true'))
  assert.equal(code, 1)
  assert.match(err, /token_path cannot be read: ENOENT/)
}))

type Write = (path: string, body: unknown) => Promise<void>

/** A server of the program that `COFFER_TEST_PEER` names; `secure` is its address with TLS. */
const withPeer = (program: string, body: (place: Place, address: string, secure: string, write: Write) => Promise<void>) => () => inPlace(async (place) => {
  const [port, securePort] = [await freePort(), await freePort()]
  makeCertificate(place.folder, 'server')
  place.file('server.hcl', `listener "tcp" {\n address = "127.0.0.1:${securePort}"\n tls_cert_file = "server.pem"\n tls_key_file = "server-key.pem"\n}\n`)
  const address = `http://127.0.0.1:${port}`
  const server = spawn(program, ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=127.0.0.1:${port}`, '-dev-no-store-token', '-config=server.hcl'], { cwd: place.folder, env: place.environment, stdio: 'ignore' })
  const ended = new Promise((resolve) => server.once('close', resolve))
  const send = async (path: string, method_: string, sent?: unknown): Promise<Response> => await fetch(`${address}/v1/${path}`, { method: method_, headers: { 'X-Vault-Token': 'root' }, ...(sent === undefined ? {} : { body: JSON.stringify(sent) }) })
  try {
    for (const end = Date.now() + 30_000; !(await send('sys/health', 'GET').then(({ ok }) => ok, () => false)); await pause(50)) assert.ok(Date.now() < end)
    await body(place, address, `https://127.0.0.1:${securePort}`, async (path, sent) => {
      const answer = await send(path, 'POST', sent)
      assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`)
    })
  } finally {
    server.kill()
    await ended
  }
})

async function nameBehind(address: string, token: string): Promise<string> {
  const answer = await fetch(`${address}/v1/auth/token/lookup-self`, { headers: { 'X-Vault-Token': token } })
  return ((await answer.json()) as { readonly data: { readonly display_name: string } }).data.display_name
}

const peer = process.env['COFFER_TEST_PEER']
if (peer !== undefined) {
  test('a real server accepts certificates', withPeer(peer, async (place, address, secure, write) => {
    makeCertificate(place.folder, 'one')
    makeCertificate(place.folder, 'two')
    await write('sys/auth/cert', { type: 'cert' })
    await write('auth/cert/certs/web', { certificate: readFileSync(join(place.folder, 'one.pem'), 'utf8'), token_policies: ['default'] })
    const login = (name: string): string => method('cert', `name = "web"\n client_cert = "${name}.pem"\n client_key = "${name}-key.pem"\n ca_cert = "server.pem"`, 'exit_on_err = true')
    assert.equal(await nameBehind(address, await tokenOf(place, secure, login('one'))), 'cert-web')
    assert.equal((await runAgent(place, secure, login('two'))).code, 1)
  }))

  test('a real server accepts JWTs and service accounts', withPeer(peer, async (place, address, _secure, write) => {
    const { privateKey, publicPem } = makeKeys()
    const seconds = Math.floor(Date.now() / 1000)
    await write('sys/auth/jwt', { type: 'jwt' })
    await write('auth/jwt/config', { jwt_validation_pubkeys: publicPem })
    await write('auth/jwt/role/web', { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'], token_policies: ['default'] })
    const login = method('jwt', 'role = "web"\n path = "jwt"')
    place.file('jwt', signJwt(privateKey, { sub: 'web', aud: 'coffer', iat: seconds, exp: seconds + 600 }))
    assert.equal(await nameBehind(address, await tokenOf(place, address, login)), 'jwt-web')
    place.file('jwt', signJwt(makeKeys().privateKey, { sub: 'web', aud: 'coffer', iat: seconds, exp: seconds + 600 }))
    const refused = await runAgent(place, address, login.replace('method "jwt" {', 'method "jwt" {\n exit_on_err = true'))
    assert.equal(refused.code, 1)
    assert.ok(existsSync(join(place.folder, 'jwt')), 'what was refused is left')

    const account = signJwt(privateKey, accountClaims(seconds))
    const kubernetes = await startKubernetes(place.folder, account)
    try {
      await write('sys/auth/kubernetes', { type: 'kubernetes' })
      await write('auth/kubernetes/config', { kubernetes_host: kubernetes.address, kubernetes_ca_cert: readFileSync(join(place.folder, 'server.pem'), 'utf8'), disable_local_ca_jwt: true, token_reviewer_jwt: account })
      await write('auth/kubernetes/role/web', { bound_service_account_names: ['web'], bound_service_account_namespaces: ['shop'], token_policies: ['default'] })
      place.file('account', account)
      assert.equal(await nameBehind(address, await tokenOf(place, address, method('kubernetes', 'role = "web"\n token_path = "account"'))), 'kubernetes-shop-web')
    } finally {
      await kubernetes.stop()
    }
  }))
}
