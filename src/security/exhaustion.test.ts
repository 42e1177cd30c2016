/** Class: a small request costs much, or one bad client stops the others. Through a real listener, where the limits stand. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { listenerDefaults } from '../http/listener-settings.ts'
import { startListener, type Listener } from '../http/listener.ts'
import { withServer } from '../request/testing/checked-server.ts'
import type { ServeHarness } from '../request/testing/serve-harness.ts'
import { admit } from '../request/quotas.ts'
import { serve } from '../request/serve.ts'

interface Timed {
  readonly status: number
  readonly text: string
  readonly ms: number
}

interface Reached {
  readonly server: ServeHarness
  readonly port: number
  readonly send: (method: string, path: string, body?: string, token?: string) => Promise<Timed>
}

async function withListener(work: (reached: Reached) => Promise<void>): Promise<void> {
  await withServer(async (server) => {
    const problems: string[] = []
    const { core } = server
    const host = {
      serve: serve.bind(null, core), admit: admit.bind(null, core), now: core.host.now, cors: () => null,
      report: (problem: string) => void problems.push(problem),
    }
    const listener = await startListener({ ...listenerDefaults, address: { host: '127.0.0.1', port: 0 } }, host)
    try {
      const port = portOf(listener)
      await work({ server, port, send: (method, path, body, token = server.rootToken) => send(port, method, path, body, token) })
      assert.deepEqual(problems, [])
    } finally {
      await listener.stop(0)
    }
  })
}

function portOf({ address }: Listener): number {
  if (typeof address === 'string' || address === null) throw new Error('no port')
  return (address as { readonly port: number }).port
}

async function send(
  port: number, method: string, path: string, body: string | undefined, token: string
): Promise<Timed> {
  const started = process.hrtime.bigint()
  const headers = { 'x-vault-token': token, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) }
  const request = httpRequest({ port, host: '127.0.0.1', method, path: `/v1/${path}`, headers, agent: false })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, text, ms: Number(process.hrtime.bigint() - started) / 1e6 }
}

const mebibyte = 1024 * 1024
const largest = 32 * mebibyte - 1_000

const bombs: Readonly<Record<string, () => string>> = {
  'nested lists': () => '['.repeat(largest),
  'nested objects': () => '{"a":'.repeat(largest / 5),
  'nested lists that are closed': () => `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`,
  'many keys': () => `{${Array.from({ length: 1_500_000 }, (_, i) => `"${i}":1`).join(',')}}`,
  'many texts': () => `{"a":[${'"",'.repeat(8_000_000)}""]}`,
  'many numbers': () => `{"a":[${'1,'.repeat(15_000_000)}1]}`,
  'the same key again and again': () => `{${'"a":1,'.repeat(5_000_000)}"a":1}`,
  'many empty lists': () => `{"a":[${'[],'.repeat(10_000_000)}[]]}`,
  'a text that never ends': () => `{"a":"${'x'.repeat(largest - 10)}`,
  'backslashes without end': () => `{"a":"${'\\'.repeat(largest - 10)}`,
  'a number of a million digits': () => `{"a":${'9'.repeat(10_000_000)},}`,
}

for (const [name, make] of Object.entries(bombs)) {
  test(`CVE-2025-6203 (CVE-2025-59043): 32 MiB with ${name} are refused with 400 within seconds`, async () => {
    await withListener(async ({ send: ask }) => {
      const body = make()
      assert.ok(Buffer.byteLength(body) <= 32 * mebibyte)
      const before = process.cpuUsage()
      const [bomb, other] = await Promise.all([ask('POST', 'auth/token/lookup', body, ''), ask('GET', 'sys/seal-status')])
      const { user, system } = process.cpuUsage(before)
      assert.equal(bomb.status, 400, bomb.text)
      assert.ok(bomb.text.length < 1_000)
      // Of computing, with that of the client: how long it took says more of what else the machine had to do.
      const milliseconds = (user + system) / 1000
      assert.ok(milliseconds < 5_000, `${Math.round(milliseconds)} ms`)
      assert.equal(other.status, 200)
    })
  })
}

test('CVE-2025-6203: a body that is too large is refused by its announced and by its real size, before it is parsed', async () => {
  await withListener(async ({ send: ask, port }) => {
    assert.equal((await ask('POST', 'auth/token/lookup', ' '.repeat(32 * mebibyte + 1))).status, 413)
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/v1/auth/token/lookup', agent: false })
    const answered = once(request, 'response')
    request.on('error', () => undefined)
    for (let i = 0; i < 34; i++) request.write('{'.repeat(mebibyte))
    request.end()
    assert.equal((await answered)[0].statusCode, 413)
  })
})

test('CVE-2025-12044: a client that has used up its rate is refused before its body is read, let alone parsed', async () => {
  await withListener(async ({ server, send: ask, port }) => {
    await server.ok('write', 'sys/quotas/rate-limit/one', { data: { path: 'auth/token/', rate: 1, interval: '1h' } })
    assert.equal((await ask('POST', 'auth/token/lookup', '{}')).status, 200)
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += String(chunk)))
    // The body is announced and never sent: whoever waits for it waits for ever.
    socket.write('POST /v1/auth/token/lookup HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n')
    for (let i = 0; i < 200 && text === ''; i++) await new Promise((resolve) => setTimeout(resolve, 5))
    socket.destroy()
    assert.match(text, /^HTTP\/1\.1 429 /)
    // Counted once, not once at the door and once inside.
    await server.ok('write', 'sys/quotas/rate-limit/one', { data: { path: 'auth/token/', rate: 4, interval: '1h' } })
    const statuses = []
    for (let i = 0; i < 5; i++) statuses.push((await ask('POST', 'auth/token/lookup', '{}')).status)
    assert.deepEqual(statuses, [200, 200, 200, 200, 429])
  })
})

test('CVE-2024-8185: what nobody needs a token for costs nobody much, whatever is sent to it', async () => {
  await withListener(async ({ server, send: ask }) => {
    const memory = process.memoryUsage().rss
    for (let round = 0; round < 200; round++) {
      for (const [path, body] of [
        ['sys/unseal', { key: 'ab'.repeat(4_000) }], ['sys/unseal', { key: 'ab'.repeat(33) }], [
          'sys/init', { secret_shares: 1_000_000_000, secret_threshold: 1_000_000_000 },
        ], ['sys/generate-root/attempt', { otp: 'x'.repeat(10_000) }],
        ['sys/wrapping/unwrap', { token: 'x'.repeat(10_000) }], ['sys/wrapping/lookup', { token: `hvb.${'A'.repeat(8_000)}` }], [
          'sys/decode-token', { encoded_token: 'x'.repeat(10_000), otp: 'x' },
        ], ['sys/step-down', {}],
      ] as const) {
        const { status, text } = await ask('POST', path, JSON.stringify(body), '')
        assert.ok(status < 500 && text.length < 5_000, `${path}: ${status}`)
      }
    }
    assert.equal(server.core.barrier.isSealed, false)
    assert.ok(process.memoryUsage().rss - memory < 200 * mebibyte)
  })
})

test('CVE-2024-6468: clients that send garbage or nothing do not stop others from being served', async () => {
  await withListener(async ({ port, send: ask }) => {
    const garbage = [
      'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', 'GET', 'GET /v1/sys/health HTTP/9.9\r\n\r\n',
      '\0'.repeat(1_000), 'POST /v1/x HTTP/1.1\r\ncontent-length: -1\r\n\r\n', 'x'.repeat(100_000),
    ]
    const sockets = Array.from({ length: 70 }, (_, i) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined).write(garbage[i % garbage.length] as string)
      return socket
    })
    for (let i = 0; i < 20; i++) assert.equal((await ask('GET', 'sys/seal-status')).status, 200)
    for (const socket of sockets) socket.destroy()
  })
})
