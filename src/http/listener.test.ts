/** Listeners from their start to their end: addresses, unix sockets, TLS, limits of time, draining. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmod, stat, writeFile } from 'node:fs/promises'
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { WireRequest } from '../request/wire.ts'
import { connectWith, makeFolder, pause, pki, requestText, startTestServer, tlsIn, type TestFolder, type TestServer } from './testing.ts'
import { withoutRoot } from './testing-user.ts'

let folder: TestFolder
before(async () => {
  folder = await makeFolder()
})
after(() => folder.remove())

const portOf = (server: TestServer): number => (server.listener.address as { port: number }).port

/** Runs with a server, and stops it whatever happens. */
async function using(server: TestServer, run: (server: TestServer) => Promise<void>): Promise<void> {
  try {
    await run(server)
  } finally {
    await server.stop()
  }
}

test('a port that is taken is named', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as AddressInfo
  await assert.rejects(startTestServer({ address: { host: '127.0.0.1', port } }), {
    message: `cannot listen on 127.0.0.1:${port}: another process listens there already`,
  })
  other.close()
})

test('an address that this machine does not have is named', async () => {
  await assert.rejects(
    startTestServer({ address: { host: '192.0.2.1', port: 0 } }),
    /^Error: cannot listen on 192\.0\.2\.1:0: this machine does not have that address/,
  )
  await assert.rejects(startTestServer({ address: { host: '2001:db8::1', port: 1 } }), /cannot listen on \[2001:db8::1\]:1: /)
  await assert.rejects(
    startTestServer({ address: { path: join(folder.path, 'none/x.sock'), mode: null, uid: null, gid: null } }),
    /cannot listen on unix socket ".*none\/x\.sock": /,
  )
})

test('a unix socket is served, with its mode, and its callers have no address', async () => {
  const path = join(folder.path, 'a.sock')
  const server = await startTestServer({ address: { path, mode: 0o660, uid: null, gid: null } })
  await using(server, async () => {
    assert.deepEqual(server.listener.address, { path })
    assert.equal((await stat(path)).mode & 0o777, 0o660)
    const client = server.connect()
    assert.equal((await client.ask('LIST /v1/a')).status, 200)
    assert.deepEqual([server.requests[0]?.remoteAddress, server.requests[0]?.remotePort], ['', 0])
    client.close()
  })
  await assert.rejects(stat(path))
})

test('a unix socket that a killed process left behind is replaced, one in use and other files are not', async () => {
  const path = join(folder.path, 'b.sock')
  const address = { path, mode: null, uid: null, gid: null }
  // Killing is what leaves the file: a process that ends properly removes it.
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ])
  await new Promise((resolve) => child.once('exit', resolve))
  assert.ok((await stat(path)).isSocket())
  await using(await startTestServer({ address }), async (server) => {
    await assert.rejects(startTestServer({ address }), /another process listens there already/)
    const client = server.connect()
    assert.equal((await client.ask('GET /v1/a')).status, 200)
    client.close()
  })
  const file = await folder.file('plain', 'precious')
  await assert.rejects(startTestServer({ address: { ...address, path: file } }), /cannot listen on/)
  assert.equal((await stat(file)).size, 8)
})

test('TLS files that do not work are named', async () => {
  const good = await tlsIn(folder)
  const missing = join(folder.path, 'none.pem')
  const otherKey = await folder.file('other.key', pki.otherKey)
  const text = await folder.file('text.pem', 'no certificate')
  const broken = [
    [{ certFile: missing }, /^Error: cannot read tls_cert_file ".*none\.pem": ENOENT/],
    [{ keyFile: missing }, /^Error: cannot read tls_key_file ".*none\.pem": ENOENT/],
    [{ certFile: text }, /^Error: tls_cert_file ".*text\.pem" holds no certificate in PEM form/],
    [{ keyFile: text }, /^Error: tls_key_file ".*text\.pem" holds no private key in PEM form/],
    [{ keyFile: otherKey }, /^Error: tls_key_file ".*other\.key" does not belong to tls_cert_file ".*server\.pem"/],
    [{ clientCaFile: text }, /^Error: tls_client_ca_file ".*text\.pem" holds no certificate/],
    [{ ciphers: 'NONSENSE' }, /^Error: TLS settings of ".*server\.pem" do not work: /],
  ] as const
  for (const [change, message] of broken) await assert.rejects(startTestServer({ tls: { ...good, ...change } }), message)
})

test('TLS 1.3 is chosen where both sides can, 1.2 is taken with forward secrecy, older is refused', async () => {
  await using(await startTestServer({ tls: await tlsIn(folder) }), async (server) => {
    const chosen = async (options: object) => {
      const client = connectWith(server, options)
      const { status } = await client.ask('GET /v1/a')
      const socket = client.socket as TLSSocket
      const result = [status, socket.getProtocol(), socket.getCipher().standardName, socket.alpnProtocol]
      client.close()
      return result
    }
    assert.deepEqual(await chosen({ ALPNProtocols: ['h2', 'http/1.1'] }), [200, 'TLSv1.3', 'TLS_AES_128_GCM_SHA256', 'http/1.1'])
    assert.deepEqual(await chosen({ maxVersion: 'TLSv1.2' }), [200, 'TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', false])
    for (const options of [
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      { maxVersion: 'TLSv1.2', ciphers: 'AES256-SHA256' },
    ] as const) {
      const client = connectWith(server, options)
      await client.closed()
      assert.ok(client.error)
    }
    assert.equal(server.requests[0]?.isTls, true)
  })
})

const derOf = (pem: string): string => new X509Certificate(pem).raw.toString('hex')
const hexOf = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('hex')

test('a client may show any certificate or none; it is handed on unjudged, also when the session is resumed', async () => {
  await using(await startTestServer({ tls: await tlsIn(folder) }), async (server) => {
    for (const [cert, key] of [
      [pki.clientCert, pki.clientKey],
      [pki.strangerCert, pki.otherKey],
    ] as const) {
      const client = connectWith(server, { cert, key })
      const sessions: Buffer[] = []
      ;(client.socket as TLSSocket).on('session', (session) => sessions.push(session))
      assert.equal((await client.ask('LIST /v1/a')).status, 200)
      assert.equal(hexOf(server.requests.at(-1)?.clientCertificate()), derOf(cert))
      await pause(20)
      client.close()
      const again = connectWith(server, { cert, key, ...(sessions[0] ? { session: sessions[0] } : {}) })
      assert.equal((await again.ask('GET /v1/a')).status, 200)
      assert.equal((again.socket as TLSSocket).isSessionReused(), true)
      assert.equal(hexOf(server.requests.at(-1)?.clientCertificate()), derOf(cert))
      again.close()
    }
    const bare = server.connect()
    assert.equal((await bare.ask('GET /v1/a')).status, 200)
    assert.deepEqual([server.requests.at(-1)?.clientCertificate(), server.requests.at(-1)?.clientCertificates()], [null, []])
    bare.close()
  })
})

test('certificates that came along with the client’s are handed on after it', async () => {
  await using(await startTestServer({ tls: await tlsIn(folder) }), async (server) => {
    const client = connectWith(server, { cert: pki.clientCert + pki.caCert, key: pki.clientKey })
    await client.ask('GET /v1/a')
    assert.deepEqual(server.requests[0]?.clientCertificates().map(hexOf), [derOf(pki.clientCert), derOf(pki.caCert)])
    client.close()
  })
})

test('certificates can be demanded, or not asked for at all', async () => {
  const clientCaFile = await folder.file('ca.pem', pki.caCert)
  await using(await startTestServer({ tls: await tlsIn(folder, { clientCaFile, requireClientCert: true }) }), async (server) => {
    const good = connectWith(server, { cert: pki.clientCert, key: pki.clientKey })
    assert.equal((await good.ask('GET /v1/a')).status, 200)
    good.close()
    for (const options of [{}, { cert: pki.strangerCert, key: pki.otherKey }]) {
      const client = connectWith(server, options)
      await client.send(requestText('GET /v1/a'))
      assert.equal(await client.answer(), null)
    }
    assert.equal(server.requests.length, 1)
  })
  await using(await startTestServer({ tls: await tlsIn(folder, { disableClientCerts: true }) }), async (server) => {
    const client = connectWith(server, { cert: pki.clientCert, key: pki.clientKey })
    assert.equal((await client.ask('GET /v1/a')).status, 200)
    assert.equal(server.requests[0]?.clientCertificate(), null)
    client.close()
  })
})

test('a reload takes the files as they are now, and leaves everything as it was when they do not work', async () => {
  const tls = await tlsIn(folder)
  await using(await startTestServer({ tls }), async (server) => {
    const shown = async () => {
      const client = server.connect()
      await client.ask('GET /v1/a')
      const { subject } = (client.socket as TLSSocket).getPeerCertificate()
      client.close()
      return subject.CN
    }
    const old = server.connect()
    await old.ask('GET /v1/a')
    assert.equal(await shown(), 'server')
    await writeFile(tls.certFile, pki.otherCert)
    await assert.rejects(server.listener.reload(), /does not belong to/)
    assert.equal(await shown(), 'server')
    await writeFile(tls.keyFile, pki.otherKey)
    await server.listener.reload()
    assert.equal(await shown(), 'other')
    assert.equal((await old.ask('GET /v1/a')).status, 200)
    old.close()
  })
})

async function sessionOf(server: TestServer): Promise<Buffer> {
  const client = connectWith(server, { maxVersion: 'TLSv1.2' })
  const session = new Promise<Buffer>((resolve) => (client.socket as TLSSocket).once('session', resolve))
  await client.ask('GET /v1/a')
  client.close()
  return session
}

async function isResumed(server: TestServer, session: Buffer): Promise<boolean> {
  const client = connectWith(server, { session, maxVersion: 'TLSv1.2' })
  await client.ask('GET /v1/a')
  const isReused = (client.socket as TLSSocket).isSessionReused()
  client.close()
  return isReused
}

test('processes with the same ticket keys resume each other’s sessions, also after new keys and a reload', async () => {
  const tls = await tlsIn(folder, { ticketKeys: Buffer.alloc(48, 1) })
  const newKeys = Buffer.alloc(48, 2)
  await using(await startTestServer({ tls }), async (one) => {
    await using(await startTestServer({ tls }), async (two) => {
      assert.equal(await isResumed(two, await sessionOf(one)), true)
      await two.listener.reload()
      assert.equal(await isResumed(two, await sessionOf(one)), true)
      const before = await sessionOf(one)
      two.listener.setTicketKeys(newKeys)
      assert.equal(await isResumed(two, before), false)
      one.listener.setTicketKeys(newKeys)
      assert.equal(await isResumed(two, await sessionOf(one)), true)
    })
  })
})

test('bad connections never stop accepting', async () => {
  await using(await startTestServer({ tls: await tlsIn(folder) }), async (server) => {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x00\x05hello', '\x00', 'PROXY TCP4 1.2.3.4\r\n']) {
      const socket = connectTls({ host: '127.0.0.1', port: portOf(server) }).on('error', () => null)
      socket.destroy()
      const raw = connectTcp(portOf(server), '127.0.0.1').on('error', () => null)
      raw.write(bytes, 'latin1')
      await pause(5)
      raw.resetAndDestroy()
    }
    const client = server.connect()
    assert.equal((await client.ask('GET /v1/a')).status, 200)
    client.close()
    assert.deepEqual(server.problems, [])
  })
})

test('a head that is too large, too slow, or none is refused as such', async () => {
  await using(await startTestServer({ headDurationMax: 150 }), async (server) => {
    const refusal = async (bytes: string) => {
      const client = server.connect()
      await client.send(bytes)
      const answer = await client.answer()
      await client.closed()
      return [answer?.status, answer?.text]
    }
    assert.deepEqual(await refusal(`GET /v1/a HTTP/1.1\r\nX: ${'y'.repeat(17_000)}`), [
      431,
      '{"errors":["the headers of the request are too large"]}',
    ])
    assert.deepEqual(await refusal('GET /v1/a HTTP/1.1\r\nX: y'), [408, '{"errors":["the request did not arrive in time"]}'])
    assert.deepEqual(await refusal('\x16\x03\x01\x02'), [400, '{"errors":["malformed HTTP request"]}'])
    assert.deepEqual(await refusal('GET /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'), [
      400,
      '{"errors":["malformed HTTP request"]}',
    ])
    assert.deepEqual(await refusal('POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'), [
      400,
      '{"errors":["malformed HTTP request"]}',
    ])
    assert.deepEqual(await refusal('CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'), [405, '{"errors":[]}'])
    assert.deepEqual(await refusal(''), [undefined, undefined])
    assert.deepEqual(server.requests, [])
  })
})

test('headers beyond any number are all read', async () => {
  await using(await startTestServer(), async (server) => {
    const client = server.connect()
    const many = Array.from({ length: 2500 }, (_, i) => `${i % 10}:`).join('\n')
    await client.ask(`GET /v1/a\n${many}\nX-Vault-Token: t`)
    assert.equal(server.requests[0]?.token, 't')
    client.close()
  })
})

test('stopping lets requests in flight finish, closes idle connections, and accepts nothing more', async () => {
  const tls = await tlsIn(folder)
  for (const settings of [{}, { tls }]) {
    let release: () => void = () => assert.fail('nobody waits')
    const serve = async ({ path }: WireRequest) => {
      if (path === 'slow') await new Promise<void>((resolve) => (release = resolve))
      return { status: 200, body: '{}' }
    }
    await using(await startTestServer(settings, { serve }), async (server) => {
      const idle = server.connect()
      assert.equal((await idle.ask('GET /v1/a')).status, 200)
      const silent = server.connect()
      const busy = server.connect()
      await busy.send(requestText('GET /v1/slow'))
      await pause(50)
      const stopped = server.listener.stop(5000)
      await idle.closed()
      await silent.closed()
      assert.throws(() => server.listener.address, /stopped/)
      release()
      assert.equal((await busy.answer())?.status, 200)
      await busy.closed()
      await stopped
      assert.equal(server.listener.connectionCount, 0)
    })
  }
})

test('stopping cuts what is left at the deadline, and may be asked for twice', async () => {
  const server = await startTestServer({}, { serve: () => new Promise(() => undefined) })
  const client = server.connect()
  await client.send(requestText('GET /v1/never'))
  await pause(20)
  await Promise.all([server.listener.stop(80), server.listener.stop(80)])
  await client.closed()
  assert.equal(server.listener.connectionCount, 0)
})

test('a socket without the right to create it is refused', async () => {
  const closed = await makeFolder()
  await chmod(closed.path, 0o500)
  const address = { path: join(closed.path, 'x.sock'), mode: null, uid: null, gid: null }
  await withoutRoot(() => assert.rejects(startTestServer({ address }), /no permission/))
  await closed.remove()
})
