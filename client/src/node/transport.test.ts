/** Transport over node:http: unix sockets, certificates, proxies, streams. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import * as http from 'node:http'
import * as https from 'node:https'
import { connect, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createClient } from '../client.ts'
import { proxyFromVariables } from './proxy.ts'
import { nodeFetch, nodeStream } from './transport.ts'

const folder = mkdtempSync(join(tmpdir(), 'coffer-transport-'))
const servers: Server[] = []
after(() => {
  for (const server of servers) {
    server.close()
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections()
  }
  rmSync(folder, { recursive: true })
})

async function listen<T extends Server>(server: T, where: number | string = 0): Promise<T> {
  servers.push(server)
  const place = typeof where === 'string' ? { path: where } : { port: where, host: '127.0.0.1' }
  await new Promise<void>((resolve) => server.listen(place, resolve))
  return server
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port
const echo: http.RequestListener = (request, answer) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += String(chunk)))
  const { url, method, headers, socket } = request
  request.on('end', () => answer.end(JSON.stringify({ data: { url, method, body, via: headers['x-via'] ?? null, from: socket.remotePort } })))
}

function makeCertificate(): { ca: string; key: string; cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=coffer.test', '-addext', 'subjectAltName=DNS:coffer.test']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
  return { ca: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('a unix socket is reached by its path, which may hold anything but /v1/', async () => {
  const path = join(folder, 'x y.sock')
  await listen(http.createServer(echo), path)
  const client = createClient({ address: `unix://${path}`, fetch: nodeFetch() })
  const answer = await client.write('secret//a b', { x: 1 })
  assert.deepEqual(answer?.data, { url: '/v1/secret//a%20b', method: 'PUT', body: '{"x":1}', via: null })
})

test('a certificate counts only if its authority is known, or checking is off; and the name must fit', async (t) => {
  if (!hasOpenssl()) return t.skip('openssl is not installed')
  const { ca, key, cert } = makeCertificate()
  const port = portOf(await listen(https.createServer({ key, cert }, echo)))
  const read = (tls: object) => createClient({ address: `https://127.0.0.1:${port}`, maxRetries: 0, fetch: nodeFetch({ tls }) }).read('x')
  assert.equal((await read({ ca, serverName: 'coffer.test' }))?.data['url'], '/v1/x')
  assert.equal((await read({ insecure: true }))?.data['url'], '/v1/x')
  await assert.rejects(read({}), { code: 'network' })
  await assert.rejects(read({ ca }), /altnames/)
})

test('a client certificate is shown when there is one', async (t) => {
  if (!hasOpenssl()) return t.skip('openssl is not installed')
  const { ca, key, cert } = makeCertificate()
  const server = https.createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: false }, (request, answer) => {
    const { authorized } = request.socket as { authorized?: boolean }
    answer.end(JSON.stringify({ data: { shown: authorized === true } }))
  })
  const port = portOf(await listen(server))
  const address = `https://127.0.0.1:${port}`
  const read = (tls: object) => createClient({ address, fetch: nodeFetch({ tls: { insecure: true, ...tls } }) }).read('x')
  assert.equal((await read({ cert, key }))?.data['shown'], true)
  assert.equal((await read({}))?.data['shown'], false)
})

test('a proxy is asked for the whole URL, or for a tunnel', async (t) => {
  const proxy = http.createServer((request, answer) => {
    const target = new URL(request.url ?? '')
    const headers = { ...request.headers, 'x-via': 'proxy' }
    request.pipe(http.request({ port: target.port, path: target.pathname, headers }, (inner) => inner.pipe(answer)))
  })
  proxy.on('connect', (request, socket) => {
    const inner = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    inner.pipe(socket).pipe(inner)
    inner.once('connect', () => tunnels.push({ port: inner.localPort, authorization: request.headers['proxy-authorization'] }))
  })
  const tunnels: { port: number | undefined; authorization: string | undefined }[] = []
  const always = `http://user:p%40ss@127.0.0.1:${portOf(await listen(proxy))}`
  const plain = portOf(await listen(http.createServer(echo)))
  const through = (tls: object) => nodeFetch({ tls, proxy: proxyFromVariables({ always }) })
  assert.equal((await createClient({ address: `http://127.0.0.1:${plain}`, fetch: through({}) }).read('x'))?.data['via'], 'proxy')
  if (!hasOpenssl()) return t.skip('openssl is not installed')
  const { ca, key, cert } = makeCertificate()
  const secure = portOf(await listen(https.createServer({ key, cert }, echo)))
  const client = createClient({ address: `https://127.0.0.1:${secure}`, fetch: through({ ca, serverName: 'coffer.test' }) })
  const answer = await client.read<{ url: string; from: number }>('x')
  assert.equal(answer?.data.url, '/v1/x')
  assert.deepEqual(tunnels, [{ port: answer?.data.from, authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}` }])
})

test('the usual variables choose the proxy, and leave out whom they say', () => {
  const choose = proxyFromVariables({ http: 'p:1', https: 'http://q:2', noProxy: 'a.test, .b.test,c.test:8200' })
  const chosen = (url: string): string | undefined => choose(new URL(url))?.host
  assert.deepEqual(['http://x.test/', 'https://x.test/'].map(chosen), ['p:1', 'q:2'])
  const direct = ['http://localhost/', 'http://127.0.0.1/', 'http://a.test/', 'https://x.b.test/', 'http://c.test:8200/']
  for (const url of direct) assert.equal(chosen(url), undefined, url)
  assert.equal(chosen('http://c.test/'), 'p:1')
  assert.equal(proxyFromVariables({ always: 'http://z:3', noProxy: '*' })(new URL('http://localhost/'))?.host, 'z:3')
})

test('an answer can be read while it grows, and given up', async () => {
  const server = await listen(http.createServer((_, answer) => void answer.write('first\n')))
  const control = new AbortController()
  const init = { method: 'GET', headers: {}, signal: control.signal, redirect: 'manual' as const }
  const answer = await nodeStream()(`http://127.0.0.1:${portOf(server)}/v1/sys/monitor`, init)
  for await (const chunk of answer) {
    assert.equal(String(chunk), 'first\n')
    break
  }
  control.abort()
})

test('an answer that is cut off is an error, not half an answer', async () => {
  const server = await listen(
    http.createServer((_, answer) => {
      answer.writeHead(200, { 'Content-Length': '100' })
      answer.write('{"data":')
      setTimeout(() => answer.destroy(), 20)
    }),
  )
  const client = createClient({ address: `http://127.0.0.1:${portOf(server)}`, maxRetries: 0, fetch: nodeFetch() })
  await assert.rejects(client.read('x'), { code: 'network' })
})

test('connections are kept for later requests where that is wanted', async () => {
  let connections = 0
  const server = await listen(http.createServer(echo))
  server.on('connection', () => connections++)
  const address = `http://127.0.0.1:${portOf(server)}`
  const kept = createClient({ address, fetch: nodeFetch({ keepAlive: true }) })
  await kept.read('a')
  await kept.read('b')
  assert.equal(connections, 1)
  const fresh = createClient({ address, fetch: nodeFetch() })
  await fresh.read('a')
  await fresh.read('b')
  assert.equal(connections, 3)
})
