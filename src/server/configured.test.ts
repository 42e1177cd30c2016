/** Servers with a configuration, from outside: what their listeners do, and what the environment adds. */
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { get, request } from 'node:http'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { pki } from '../http/testing.ts'
import { ask, freePort, inPlace, type Place, type RunningServer } from './testing/process.ts'

const tcp = (port: number, body = ''): string => `listener "tcp" {\n address = "127.0.0.1:${port}"\n tls_disable = true\n ${body}\n}\n`
const at = (port: number): string => `http://127.0.0.1:${port}/v1`

/** Initialises with one share and unseals; returns the root token and the share. */
async function initialize(base: string): Promise<{ token: string; key: string }> {
  const made = JSON.parse((await ask(`${base}/sys/init`, { method: 'PUT', body: { secret_shares: 1, secret_threshold: 1 } })).text) as { root_token: string; keys: string[] }
  const key = made.keys[0] ?? ''
  assert.equal((await ask(`${base}/sys/unseal`, { method: 'PUT', body: { key } })).status, 200)
  return { token: made.root_token, key }
}

test('what a listener opens to callers without a token holds for that one alone', () => inPlace(async (place) => {
  const [closed, open, metrics, none] = [await freePort(), await freePort(), await freePort(), await freePort()]
  place.file('c.hcl', `storage "inmem" {}\n${tcp(closed)}
${tcp(open, 'disable_unauthed_rekey_endpoints = false\n telemetry { unauthenticated_metrics_access = true }\n inflight_requests_logging { unauthenticated_in_flight_requests_access = true }')}
${tcp(metrics, 'telemetry {\n unauthenticated_metrics_access = true\n metrics_only = true\n }')}
${tcp(none, 'telemetry { disallow_metrics = true }')}`)
  await place.started(['-config=c.hcl'])
  assert.match((await ask(`${at(metrics)}/sys/metrics?format=prometheus`)).text, /^vault_core_unsealed 0$/m, 'figures are there while the server is sealed, too')
  const { token } = await initialize(at(closed))
  const statuses = async (path: string, init?: Parameters<typeof ask>[1]): Promise<number[]> =>
    await Promise.all([closed, open, metrics, none].map(async (port) => (await ask(`${at(port)}/${path}`, init)).status))
  assert.deepEqual(await statuses('sys/metrics'), [403, 200, 200, 404])
  assert.deepEqual(await statuses('sys/metrics', { token }), [200, 200, 200, 404])
  assert.deepEqual(await statuses('sys/in-flight-req'), [403, 200, 404, 403])
  assert.deepEqual(await statuses('sys/rekey/init'), [403, 200, 404, 403])
  assert.deepEqual(await statuses('sys/rekey-recovery-key/init'), [403, 200, 404, 403])
  assert.deepEqual(await statuses('sys/generate-root/attempt'), [403, 403, 404, 403])
  assert.deepEqual(await statuses('sys/health'), [200, 200, 404, 200])
  assert.deepEqual((await ask(`${at(open)}/sys/metrics?format=nonsense`)).status, 400)
  assert.equal((await ask(`${at(open)}/sys/metrics`, { method: 'PUT', body: {} })).status, 403)
  const figures = (await ask(`${at(open)}/sys/metrics?format=prometheus`)).text
  assert.match(figures, /^vault_core_unsealed 1$/m)
  assert.ok(!figures.includes(token))
}))

test('a unix socket answers, has its mode, and is gone after the end; one that was left behind by a kill is taken over', () => inPlace(async (place) => {
  const path = join(place.folder, 's.sock')
  place.file('c.hcl', `storage "inmem" {}\nlistener "unix" {\n address = "${path}"\n socket_mode = "0600"\n}`)
  const answers = (): Promise<number | undefined> =>
    new Promise((resolve, reject) => get({ socketPath: path, path: '/v1/sys/init', agent: false }, (answer) => resolve(answer.resume().statusCode)).on('error', reject))
  const first = await place.started(['-config=c.hcl'])
  assert.deepEqual([await answers(), statSync(path).mode & 0o777], [200, 0o600])
  await first.stop('SIGKILL')
  const second = await place.started(['-config=c.hcl'])
  assert.equal(await answers(), 200)
  assert.equal((await second.stop()).code, 0)
  assert.ok(!existsSync(path))
}))

const handshake = (port: number, options: { cert?: string; key?: string } = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: pki.caCert, ...options })
    // TLS 1.3 refuses a client only after the handshake: with the first bytes.
    socket.once('secureConnect', () => socket.write('GET /v1/sys/init HTTP/1.1\r\nHost: x\r\n\r\n')).once('data', () => resolve(socket)).once('error', reject).once('close', () => reject(new Error('closed')))
  })
const nameOf = (socket: TLSSocket): string => (socket.getPeerCertificate() as PeerCertificate).subject.CN as string

const tlsConfig = (port: number, body = ''): string => `storage "inmem" {}\nlistener "tcp" {\n address = "127.0.0.1:${port}"\n tls_cert_file = "cert.pem"\n tls_key_file = "key.pem"\n ${body}\n}`

async function startTls(place: Place, body = ''): Promise<{ server: RunningServer; port: number }> {
  const port = await freePort()
  place.file('cert.pem', pki.serverCert)
  place.file('key.pem', pki.serverKey)
  place.file('ca.pem', pki.caCert)
  place.file('c.hcl', tlsConfig(port, body))
  return { server: await place.started(['-config=c.hcl']), port }
}

test('SIGHUP serves a new certificate to new connections, and drops none', () => inPlace(async (place) => {
  const { server, port } = await startTls(place)
  const old = await handshake(port)
  assert.equal(nameOf(old), 'server')
  place.file('cert.pem', pki.otherCert)
  server.child.kill('SIGHUP')
  await server.printed(/reload failed: .*tls_key_file .* does not belong to tls_cert_file/)
  place.file('key.pem', pki.otherKey)
  server.child.kill('SIGHUP')
  let name = ''
  for (let i = 0; i < 100 && name !== 'other'; i++) {
    const socket = await handshake(port)
    name = nameOf(socket)
    socket.destroy()
    await pause(20)
  }
  assert.equal(name, 'other')
  old.write('GET /v1/sys/init HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(await new Promise<string>((resolve) => old.once('data', (chunk: Buffer) => resolve(String(chunk)))), /^HTTP\/1\.1 200/)
  old.destroy()
}))

test('TLS asks for a client certificate and takes any or none; where one is required, only those of the configured authority', () => inPlace(async (place) => {
  const { port, server } = await startTls(place)
  for (const client of [{}, { cert: pki.clientCert, key: pki.clientKey }, { cert: pki.strangerCert, key: pki.otherKey }]) (await handshake(port, client)).destroy()
  await server.stop()
  const { port: strict } = await startTls(place, 'tls_require_and_verify_client_cert = true\n tls_client_ca_file = "ca.pem"\n tls_min_version = "tls13"')
  await assert.rejects(handshake(strict))
  await assert.rejects(handshake(strict, { cert: pki.strangerCert, key: pki.otherKey }))
  const socket = await handshake(strict, { cert: pki.clientCert, key: pki.clientKey })
  assert.equal(socket.getProtocol(), 'TLSv1.3')
  socket.destroy()
}))

test('TLS files that do not work are one line', () => inPlace(async (place) => {
  place.file('c.hcl', tlsConfig(1))
  const started = async (): Promise<string> => (await place.start(['-config=c.hcl']).ended).err
  assert.match(await started(), /^Error starting the server: cannot read tls_cert_file "cert\.pem": .*\n$/)
  place.file('cert.pem', pki.serverCert)
  place.file('key.pem', pki.otherKey)
  assert.match(await started(), /^Error starting the server: tls_key_file "key\.pem" does not belong to tls_cert_file "cert\.pem"\n$/)
  place.file('key.pem', 'nonsense')
  assert.match(await started(), /^Error starting the server: tls_key_file "key\.pem" holds no private key in PEM form, or an encrypted one\n$/)
}))

test('the address that a trusted proxy names is the one that counts', () => inPlace(async (place) => {
  const port = await freePort()
  place.file('c.hcl', `storage "inmem" {}\nlog_format = "json"\n${tcp(port, 'x_forwarded_for_authorized_addrs = "127.0.0.1"')}`)
  const server = await place.started(['-config=c.hcl'])
  assert.equal((await ask(`${at(port)}/sys/init`)).status, 400)
  await new Promise<void>((resolve, reject) => {
    const sent = request(`${at(port)}/sys/seal`, { method: 'PUT', headers: { 'x-forwarded-for': '203.0.113.9' } }, (answer) => answer.resume().once('end', resolve))
    sent.on('error', reject).end()
  })
  await server.printed(/203\.0\.113\.9/)
  const line = server.out().split('\n').find((text) => text.includes('203.0.113.9')) ?? ''
  assert.deepEqual(Object.keys(JSON.parse(line) as object), ['@level', '@message', '@module', '@timestamp', 'path', 'method', 'address'])
}))

test('a configuration written for raft starts, says what has no effect, and after a kill the shares open the same data', () => inPlace(async (place) => {
  const port = await freePort()
  place.file('c.hcl', `storage "raft" {\n path = "data"\n node_id = "n"\n}\n${tcp(port)}disable_mlock = true\ncluster_addr = "http://127.0.0.1:1"\napi_addr = "http://vault.example:8200"`)
  const server = await place.started(['-config=c.hcl'])
  for (const key of ['storage "raft": node_id', 'disable_mlock', 'cluster_addr']) assert.ok(server.out().includes(`the key ${key} has no effect`), key)
  assert.match(server.out(), /Api Address: http:\/\/vault\.example:8200\n/)
  const { token, key } = await initialize(at(port))
  assert.equal((await ask(`${at(port)}/sys/mounts`, { token })).status, 200)
  await server.stop('SIGKILL')
  const again = await place.started(['-config=c.hcl'], { environment: { VAULT_API_ADDR: 'http://other.example' } })
  assert.match(again.out(), /Api Address: http:\/\/other\.example\n/)
  assert.equal((await ask(`${at(port)}/sys/mounts`, { token })).status, 503)
  assert.equal((await ask(`${at(port)}/sys/unseal`, { method: 'PUT', body: { key } })).status, 200)
  assert.equal((await ask(`${at(port)}/sys/mounts`, { token })).status, 200)
  assert.equal(statSync(join(place.folder, 'data')).mode & 0o777, 0o700)
}))

test('a key file as the seal of a configuration unseals every start', () => inPlace(async (place) => {
  const port = await freePort()
  const data = await place.started(['-data=d', `-listen=127.0.0.1:${port}`])
  await data.stop()
  place.file('c.hcl', `storage "lmdb" { path = "d" }\nseal "keyfile" { path = "d/seal.key" }\n${tcp(port)}`)
  const server = await place.started(['-config=c.hcl'])
  assert.match((await ask(`${at(port)}/sys/seal-status`)).text, /"sealed":false/)
  await server.stop()
  place.file('c.hcl', `storage "lmdb" { path = "d" }\n${tcp(port)}`)
  assert.match((await place.start(['-config=c.hcl']).ended).err, /^Error starting the server: the data were sealed with a seal of the type "keyfile", which the configuration does not name\n$/)
}))

test('the habits of Docker images: a configuration in the environment, in dev mode too, and an empty folder of them', () => inPlace(async (place) => {
  const [port, other] = [await freePort(), await freePort()]
  const local = (listener: string): string => JSON.stringify({ backend: { file: { path: 'file' } }, default_lease_ttl: '168h', max_lease_ttl: '720h', ...(listener === '' ? {} : { listener: { tcp: { address: listener, tls_disable: 1 } } }) })
  const server = await place.started([], { environment: { VAULT_LOCAL_CONFIG: local(`127.0.0.1:${port}`) } })
  assert.equal((await ask(`${at(port)}/sys/init`)).status, 200)
  assert.ok(existsSync(join(place.folder, 'file')))
  await server.stop()
  place.shell('mkdir empty')
  const environment = { VAULT_DEV_ROOT_TOKEN_ID: 'myroot', VAULT_DEV_LISTEN_ADDRESS: `127.0.0.1:${port}`, VAULT_LOCAL_CONFIG: local(`127.0.0.1:${other}`) }
  const dev = await place.started(['-config=empty', '-dev', '-dev-no-store-token'], { environment })
  assert.match(dev.out(), /the key storage has no effect: dev mode is in memory/)
  for (const at_ of [port, other]) assert.equal(JSON.parse((await ask(`${at(at_)}/sys/mounts/secret`, { token: 'myroot' })).text).data.type, 'kv')
  assert.equal(JSON.parse((await ask(`${at(port)}/sys/auth/token/tune`, { token: 'myroot' })).text).data.max_lease_ttl, 720 * 3600)
}))

test('dev mode: KV of either version or none, and a token for the command line', () => inPlace(async (place) => {
  const start = async (...args: string[]): Promise<{ server: RunningServer; address: string }> => {
    const server = await place.started(['-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0', ...args])
    return { server, address: /export VAULT_ADDR='(\S+)'/.exec(server.out())?.[1] ?? '' }
  }
  const one = await start('-dev-kv-v1')
  assert.match((await ask(`${one.address}/v1/sys/mounts/secret`, { token: 'root' })).text, /"version":"1"/)
  assert.equal(place.shell('coffer token lookup -format=json', { COFFER_ADDR: one.address }).code, 0)
  await one.server.stop()
  const none = await start('-dev-no-kv', '-dev-no-store-token')
  assert.equal((await ask(`${none.address}/v1/sys/mounts/secret`, { token: 'root' })).status, 400)
  await none.server.stop()
}))

test('dev mode with TLS makes a certificate of its own and removes it at the end; without openssl it says so', (t) => inPlace(async (place) => {
  const args = ['-dev', '-dev-tls', '-dev-listen-address=127.0.0.1:0']
  const { code, err } = await place.start(args, { environment: { PATH: place.folder } }).ended
  assert.deepEqual([code, err], [1, 'Error in the configuration: -dev-tls needs the command openssl to make a certificate: it is not installed\n'])
  if (place.shell('openssl version').code !== 0) return t.skip('openssl is not installed')
  const server = await place.started(args)
  const [address, caFile] = [/VAULT_ADDR='(\S+)'/, /VAULT_CACERT='(\S+)'/].map((pattern) => pattern.exec(server.out())?.[1] ?? '')
  assert.match(address ?? '', /^https:/)
  assert.equal(place.shell('coffer token lookup', { VAULT_ADDR: address, VAULT_CACERT: caFile }).code, 0)
  await server.stop()
  assert.ok(!existsSync(dirname(caFile ?? '')))
}))
