/** Bytes that make no sense, from a seed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pause, seededRandom, startTestServer } from './testing.ts'

test('whatever bytes arrive, the server goes on, and says 500 to none of them', async () => {
  const server = await startTestServer({ headDurationMax: 500 })
  const random = seededRandom(2026)
  const methods = [
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'LIST',
    'SCAN',
    'HELP',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'BREW',
    'LI',
    'CONNECT',
    'PRI',
    '\x16\x03',
    '',
  ]
  const targets = [
    '/v1/a',
    '/v1/%2e%2e/a',
    '/v1/a?list=x',
    '/v1//',
    '*',
    'http://x/v1/a',
    '/v1/\xff',
    '/v1/a?%',
    'x:1',
    '/v1/a b',
    '/v1/%00',
    '',
  ]
  const headers = [
    'Content-Length: 3',
    'Content-Length: -1',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: x',
    'Expect: 100-continue',
    'Expect: x',
    'Upgrade: h2c\r\nConnection: upgrade',
    'Connection: close',
    'Host: y',
    'X-Vault-Token: \x01',
    'X-Vault-Namespace: ../..',
    'Content-Type: ;',
    'Origin: x',
    ': x',
    'A',
    `X: ${'y'.repeat(20_000)}`,
  ]
  const ends = [
    '\r\n\r\n',
    '\n\n',
    '\r\n',
    '',
    '\r\n\r\n{"a":1}',
    '\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    '\r\n\r\nzz\r\n',
    '\r\n\r\nLIST /v1/x HTTP/1.1\r\n\r\n',
  ]
  const pick = (list: readonly string[]) => list[random(list.length)] ?? ''
  for (let round = 0; round < 400; round++) {
    let bytes = ''
    for (let i = 0; i <= random(3); i++) {
      const lines = Array.from({ length: random(3) }, () => pick(headers))
      bytes +=
        [`${pick(methods)} ${pick(targets)} HTTP/1.${random(3)}`, ...(random(8) ? ['Host: x'] : []), ...lines].join('\r\n') + pick(ends)
    }
    for (let i = random(4); i > 0; i--) {
      const at = random(bytes.length + 1)
      bytes = bytes.slice(0, at) + String.fromCharCode(random(256)) + bytes.slice(at + random(3))
    }
    const client = server.connect()
    const cut = random(bytes.length + 1)
    await client.send(bytes.slice(0, cut), bytes.slice(cut))
    client.socket.end()
    await Promise.race([client.closed(), pause(50)])
    assert.doesNotMatch(client.rest, /HTTP\/1\.1 5/, JSON.stringify(bytes))
    client.close()
  }
  const client = server.connect()
  assert.equal((await client.ask('GET /v1/still/here')).status, 200)
  client.close()
  assert.deepEqual(server.problems, [])
  await server.stop()
})
