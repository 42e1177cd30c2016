/** Whole exchanges over a raw socket: answers, origins, proxies, streams, and bytes that make no sense. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError, permissionDenied } from '../kit/errors.ts'
import { turnsDuring } from '../kit/testing-turns.ts'
import type { WireRequest } from '../request/wire.ts'
import { pause, requestText, testTime, withServer } from './testing.ts'
import type { WireHost } from './exchange.ts'

test('an answer has its status, its body and the headers of every answer', () =>
  withServer({}, { serve: async () => ({ status: 200, body: '{"a":"é"}', headers: [['Retry-After', '1']] }) }, async (client) => {
    const { status, headers, text } = await client.ask('GET /v1/a')
    assert.equal(status, 200)
    assert.equal(Buffer.from(text, 'latin1').toString(), '{"a":"é"}')
    const { date, ...rest } = headers
    assert.ok(Date.parse(date ?? '') > 0)
    assert.deepEqual(rest, {
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'retry-after': '1',
      'content-length': '10',
      connection: 'keep-alive',
      'keep-alive': 'timeout=75',
    })
  }))

test('an answer without a body is empty, of another type has that type, of bytes is those bytes', () => {
  const answers = {
    none: { status: 204, body: null },
    empty: { status: 404, body: null },
    bytes: { status: 200, body: new Uint8Array([0, 255, 10]), contentType: 'application/pkix-crl' },
    untyped: { status: 200, body: 'x', contentType: '' },
  }
  return withServer({}, { serve: async ({ path }) => answers[path as keyof typeof answers] }, async (client) => {
    const none = await client.ask('GET /v1/none')
    assert.deepEqual([none.status, none.headers['content-length'], none.headers['content-type']], [204, undefined, 'application/json'])
    assert.equal((await client.ask('GET /v1/empty')).headers['content-length'], '0')
    const bytes = await client.ask('GET /v1/bytes')
    assert.deepEqual([bytes.text, bytes.headers['content-type']], ['\u0000\xff\n', 'application/pkix-crl'])
    assert.equal((await client.ask('GET /v1/untyped')).headers['content-type'], undefined)
  })
})

test('HEAD is answered with the headers alone', () =>
  withServer({}, {}, async (client, { requests }) => {
    const answer = await client.ask('HEAD /v1/a')
    assert.deepEqual([answer.status, answer.text, answer.headers['content-length']], [200, '', '38'])
    assert.equal(requests[0]?.verb, 'head')
    assert.equal((await client.ask('GET /v1/b')).status, 200)
  }))

test('the namespace is repeated as it was sent, in refusals too', () =>
  withServer({}, {}, async (client, { requests }) => {
    assert.equal((await client.ask('GET /v1/a\nX-Vault-Namespace: /one/')).headers['x-vault-namespace'], '/one/')
    assert.equal((await client.ask('GET /v1/a?list=maybe\nX-Vault-Namespace: one')).headers['x-vault-namespace'], 'one')
    assert.deepEqual(
      requests.map(({ namespace }) => namespace),
      ['one/'],
    )
  }))

test('what is not below /v1/ is 404 with an empty list of errors, unless somebody answers for it', async () => {
  await withServer({}, {}, async (client, { requests }) => {
    for (const target of ['/', '/v1', '/v2/sys/health', '/%761/a', '/V1/a', '//v1/a', '/ui/', '*']) {
      const { status, text } = await client.ask(`OPTIONS ${target}`)
      assert.deepEqual([status, text], [404, '{"errors":[]}'], target)
    }
    assert.deepEqual(requests, [])
    assert.equal((await client.ask('GET http://x/v1/a')).text, '{"verb":"read","path":"a","data":null}')
  })
  const outside: WireHost['outside'] = async ({ target }) =>
    target === '/' ? { status: 307, body: null, headers: [['Location', '/ui/']] } : null
  await withServer({}, { outside }, async (client) => {
    assert.equal((await client.ask('GET /')).headers['location'], '/ui/')
    assert.equal((await client.ask('GET /x')).status, 404)
  })
})

test('what serve throws is an answer, and only what is a bug is reported', () => {
  const thrown: Record<string, unknown> = {
    denied: permissionDenied(),
    detail: new ApiError('conflict', 'the key "a" is in use', { data: { retry: true }, detail: 'not for the caller' }),
    empty: new ApiError('not_found', ''),
    bug: new TypeError('password=hunter2'),
    text: 'hunter2',
  }
  return withServer({}, { serve: async ({ path }) => Promise.reject(thrown[path]) }, async (client, { problems }) => {
    const answered = async (path: string) => {
      const { status, text } = await client.ask(`GET /v1/${path}`)
      return [status, text]
    }
    assert.deepEqual(await answered('denied'), [403, '{"errors":["permission denied"]}'])
    assert.deepEqual(await answered('detail'), [409, '{"errors":["the key \\"a\\" is in use"],"retry":true}'])
    assert.deepEqual(await answered('empty'), [404, '{"errors":[]}'])
    assert.deepEqual(problems, [])
    assert.deepEqual(await answered('bug'), [500, '{"errors":["internal error"]}'])
    assert.deepEqual(await answered('text'), [500, '{"errors":["internal error"]}'])
    assert.equal(problems.length, 2)
  })
})

test('a serve that throws before it promises, and headers that cannot be sent, are a 500', () => {
  const serve = ({ path }: WireRequest) => {
    if (path === 'throw') throw new Error('early')
    return Promise.resolve({ status: 200, body: '{}', headers: [['X-Bad', 'a\r\nb']] as const })
  }
  return withServer({}, { serve: serve as WireHost['serve'] }, async (client, { problems }) => {
    assert.equal((await client.ask('GET /v1/throw')).status, 500)
    const { status, headers } = await client.ask('GET /v1/header')
    assert.deepEqual([status, headers['x-bad']], [500, undefined])
    assert.equal(problems.length, 2)
  })
})

test('a request carries what its connection and its headers say', () =>
  withServer({}, {}, async (client, { requests }) => {
    const head = 'GET /v1/a?x=%20y\nX-Vault-Wrap-TTL: 60s\nX-Vault-Wrap-Format: jwt\nX-Vault-MFA: a:1\nX-Vault-MFA: b:2, c'
    await client.ask(head)
    await client.ask('GET /v1/b')
    const [first, second] = requests
    assert.match(first?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.notEqual(first?.id, second?.id)
    assert.deepEqual([first?.wrapTtl, first?.wrapFormat, first?.query, first?.method, first?.isTls], ['60s', 'jwt', 'x=%20y', 'GET', false])
    assert.deepEqual(first?.headerValues('x-vault-mfa'), ['a:1', 'b:2, c'])
    assert.deepEqual(first?.headerValues('constructor'), [])
    assert.deepEqual([second?.wrapTtl, second?.wrapFormat, second?.token], [null, null, null])
    assert.equal(first?.remoteAddress, '127.0.0.1')
    assert.equal(first?.remotePort, client.socket.localPort)
    assert.equal(first?.clientCertificate(), null)
    assert.equal(first?.receivedAt, testTime)
  }))

test('admission is asked before the body is read', () => {
  const admit: WireHost['admit'] = ({ path }) => {
    if (path === 'throw') throw new ApiError('too_many_requests', 'slower')
    return path === 'limited' ? { status: 429, body: '{"errors":["limited"]}' } : null
  }
  return withServer({}, { admit }, async (client, { requests }) => {
    await client.send('POST /v1/limited HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n')
    assert.equal((await client.answer())?.status, 429)
    client.close()
    assert.deepEqual(requests, [])
  })
})

test('an admission that throws is its answer, and one that says nothing lets the request pass', () => {
  const admit: WireHost['admit'] = ({ path }) => {
    if (path === 'throw') throw new ApiError('too_many_requests', 'slower')
    return null
  }
  return withServer({}, { admit }, async (client) => {
    assert.equal((await client.ask('GET /v1/throw')).status, 429)
    assert.equal((await client.ask('GET /v1/a')).status, 200)
  })
})

test('a signal is aborted when the client goes, and not when it has its answer', async () => {
  const signals: AbortSignal[] = []
  const serve: WireHost['serve'] = async ({ path, client }) => {
    signals.push(client.signal)
    if (path === 'slow') await pause(60)
    return { status: 200, body: `${client.gone}` }
  }
  await withServer({}, { serve }, async (client, server) => {
    assert.equal((await client.ask('GET /v1/fast')).text, 'false')
    const leaver = server.connect()
    await leaver.send(requestText('GET /v1/slow'))
    await pause(20)
    leaver.close()
    await pause(60)
    assert.deepEqual(
      signals.map((signal) => signal.aborted),
      [false, true],
    )
  })
})

test('a signal is aborted when the request takes longer than it may', () => {
  const serve: WireHost['serve'] = ({ client }) =>
    new Promise((resolve) => client.signal.addEventListener('abort', () => resolve({ status: 503, body: String(client.signal.reason) })))
  return withServer({ requestDurationMax: 50 }, { serve }, async (client) => {
    assert.match((await client.ask('GET /v1/a')).text, /took too long/)
  })
})

test('a stream is sent as it comes, and ends its source when the client goes', async () => {
  let ended = 0
  async function* lines() {
    try {
      for (let i = 0; ; i++) {
        yield `line ${i}\n`
        await pause(5)
      }
    } finally {
      ended++
    }
  }
  async function* three() {
    yield* ['a', new Uint8Array([98]), 'c']
  }
  async function* broken() {
    yield 'a'
    throw new Error('source failed')
  }
  const streams = { lines, three, broken }
  const serve: WireHost['serve'] = async ({ path }) => ({
    status: 200,
    body: null,
    contentType: 'text/plain',
    stream: streams[path as keyof typeof streams](),
  })
  await withServer({}, { serve }, async (client, server) => {
    await client.send(requestText('GET /v1/three'))
    await pause(20)
    assert.match(client.rest, /Transfer-Encoding: chunked\r\n\r\n(?:1\r\na\r\n1\r\nb\r\n1\r\nc|3\r\nabc)\r\n0\r\n\r\n$/)
    const cut = server.connect()
    await cut.send(requestText('GET /v1/broken'))
    await cut.closed()
    assert.doesNotMatch(cut.rest, /0\r\n\r\n$/)
    const reader = server.connect()
    await reader.send(requestText('GET /v1/lines'))
    await pause(40)
    assert.match(reader.rest, /line 2/)
    reader.close()
    await pause(40)
    assert.equal(ended, 1)
  })
})

test('a very long text is sent in parts, and others have their turns meanwhile', () => {
  const long = JSON.stringify({ a: 'aé日\u{1f511}'.repeat(700_000) })
  return withServer({}, { serve: async () => ({ status: 200, body: long }) }, async (_, server) => {
    const url = `http://127.0.0.1:${(server.listener.address as { port: number }).port}/v1/a`
    const { made, turns } = await turnsDuring(async () => await (await fetch(url)).text())
    assert.equal(made, long)
    assert.ok(turns > 10, `${turns} turns`)
    const head = await fetch(url, { method: 'HEAD' })
    assert.deepEqual([head.status, await head.text()], [200, ''])
  })
})

test('custom headers are chosen by status, the more precise one winning, and can be replaced', () => {
  const customHeaders = {
    default: [
      ['X-A', 'default'],
      ['X-B', 'default'],
    ],
    '4xx': [['x-a', 'class']],
    '404': [
      ['X-A', 'status'],
      ['Cache-Control', 'private'],
    ],
  } as const
  const serve: WireHost['serve'] = async ({ path }) => ({ status: Number(path), body: '{}' })
  return withServer({ customHeaders, fixedHeaders: [['X-Vault-Hostname', 'h']] }, { serve }, async (client, { listener }) => {
    const seen = async (status: number) => {
      const { headers } = await client.ask(`GET /v1/${status}`)
      return [headers['x-a'], headers['x-b'], headers['cache-control'], headers['x-vault-hostname']]
    }
    assert.deepEqual(await seen(200), ['default', 'default', 'no-store', 'h'])
    assert.deepEqual(await seen(403), ['class', 'default', 'no-store', 'h'])
    assert.deepEqual(await seen(404), ['status', 'default', 'private', 'h'])
    listener.setCustomHeaders({})
    assert.deepEqual(await seen(404), [undefined, undefined, 'no-store', 'h'])
  })
})

test('a header of the answer replaces the standard one, and may occur several times', () => {
  const headers = [
    ['cache-control', 'max-age=1'],
    ['Link', '<a>'],
    ['Link', '<b>'],
  ] as const
  return withServer({}, { serve: async () => ({ status: 200, body: '{}', headers }) }, async (client) => {
    await client.send(requestText('GET /v1/a'))
    await client.answer().then((answer) => assert.equal(answer?.headers['cache-control'], 'max-age=1'))
    await client.send(requestText('GET /v1/a'))
    await pause(20)
    assert.equal(client.rest.match(/cache-control/gi)?.length, 1)
    assert.equal(client.rest.match(/Link: /g)?.length, 2)
  })
})
