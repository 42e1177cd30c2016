/** Bodies: what they are read as, and the limits within which they are read. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { turnsDuring } from '../kit/testing-turns.ts'
import { ApiError } from '../kit/errors.ts'
import { defaultJsonLimits, JsonNumber } from '../kit/json.ts'
import { createBodyReader, decodeBody, type Body, type BodyLimits } from './body.ts'
import { pause, requestText, startTestServer, type TestServer } from './testing.ts'

const limits: BodyLimits = { bodyBytesMax: 2000, bodiesBytesMax: 5000, json: { ...defaultJsonLimits, depth: 20, strings: 50 } }
const form = 'application/x-www-form-urlencoded'

const decode = (body: string | Uint8Array, type?: string): Body =>
  decodeBody(typeof body === 'string' ? Buffer.from(body) : body, type, limits)
const refusal = (body: string | Uint8Array, type?: string): string => {
  try {
    decode(body, type)
  } catch (error) {
    assert.equal((error as { code: string }).code, 'bad_request')
    return (error as Error).message
  }
  assert.fail(`${body} was taken`)
}

test('a body is JSON whatever its type says', () => {
  for (const type of [undefined, '', 'text/plain', 'application/json; charset=utf-8', 'application/octet-stream', ';'])
    assert.deepEqual(decode('{"a":1}', type), { data: { a: 1 }, jsonText: '{"a":1}', raw: null }, type)
  assert.match(refusal('a=1', 'application/json'), /^error parsing JSON/)
})

test('JSON that curl sends under the type of forms is JSON', () => {
  assert.deepEqual(decode(' \n{"a":1}', form).data, { a: 1 })
  assert.match(refusal('[1]', form), /^error parsing JSON/)
})

test('a form is a form: a repeated field is one text joined by commas', () => {
  assert.deepEqual(decode('a=1&a=2&b=&c&d=x+y%26%C3%A9', `${form}; charset=utf-8`).data, { a: '1,2', b: '', c: '', d: 'x y&é' })
  assert.deepEqual(Object.entries(decode('__proto__=1', form).data ?? {}), [['__proto__', '1']])
  assert.equal(decode('é=ü', form).data?.['é'], 'ü')
  assert.equal(decode('&&', form).data, null)
  for (const text of ['a=%zz', 'a=1;b=2', 'a=%ff', Array.from({ length: 51 }, () => 'a=1').join('&')])
    assert.equal(refusal(text, form), 'error parsing form data')
})

test('no body, blanks and null are no data', () => {
  for (const text of ['', '  \r\n\t', 'null']) assert.deepEqual(decode(text), { data: null, jsonText: null, raw: null })
})

test('what is no JSON object is refused', () => {
  for (const text of ['[1]', '5', '"a"', 'true', '{"a":1,}', "{'a':1}", '{"a":01}', '{"a":NaN}', '{"a":1} x', '{"a"', '\u{feff}{}'])
    assert.match(refusal(text), /^error parsing JSON/, text)
})

test('a body that is no UTF-8 is refused, since replacing what cannot be read would change a secret', () => {
  assert.match(refusal(Buffer.from('{"a":"\xff"}', 'latin1')), /not valid UTF-8/)
  assert.deepEqual(decode('{"a":"日本"}').data, { a: '日本' })
})

test('numbers and unusual keys survive', () => {
  const { data } = decode('{"a":12345678901234567890,"__proto__":{"b":1}}')
  assert.ok(data?.['a'] instanceof JsonNumber && data['a'].text === '12345678901234567890')
  assert.deepEqual(Object.keys(data), ['a', '__proto__'])
})

test('limits of JSON hold', () => {
  refusal(`{"a":${'['.repeat(25)}${']'.repeat(25)}}`)
  refusal(`{"a":[${Array.from({ length: 60 }, () => '""').join(',')}]}`)
})

test('binary types are bytes, and never read as anything else', () => {
  const bytes = Buffer.from([0x30, 0x03, 0xff])
  assert.deepEqual(decode(bytes, 'application/ocsp-request'), { data: null, jsonText: null, raw: bytes })
})

const large: BodyLimits = { bodyBytesMax: 16_000_000, bodiesBytesMax: 40_000_000, json: defaultJsonLimits }

/** A request whose body came in chunks of so many bytes. */
function bodyRequest(body: Uint8Array, chunkBytes = 65_536, headers: Readonly<Record<string, string>> = {}): IncomingMessage {
  const chunks = Array.from({ length: Math.ceil(body.length / chunkBytes) }, (_, i) => body.subarray(i * chunkBytes, (i + 1) * chunkBytes))
  return Object.assign(Readable.from(chunks, { objectMode: false }), { headers }) as unknown as IncomingMessage
}

const largeTexts = {
  ascii: JSON.stringify({ a: 'x'.repeat(3_000_000), b: [1.5, null] }),
  escapes: JSON.stringify({ a: 'line\n"\\'.repeat(300_000) }),
  // Characters of two to four bytes, so that some lie at the end of a piece.
  'other characters': JSON.stringify({ a: 'aé日\u{1f511}'.repeat(300_000), é: 'x' }),
  'many fields': JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`field-${i}`, { value: [`v${i}`, i] }]))),
  'numbers that JavaScript would change': `{"a":[${'1.0,12345678901234567890,'.repeat(50_000)}1]}`,
  blanks: `${' '.repeat(1_000_000)}{"a" : ${'\n'.repeat(1_000_000)} 1}`,
  nothing: ' '.repeat(1_000_000),
}

test('a large body is decoded into what it is in one piece, and others have their turns meanwhile', async () => {
  const reader = createBodyReader(large)
  for (const [name, text] of Object.entries(largeTexts)) {
    const bytes = Buffer.from(text)
    const whole = decodeBody(bytes, undefined, large)
    const { made, turns } = await turnsDuring(() => reader.decode(bodyRequest(bytes, bytes.length)))
    assert.deepEqual(made, whole, name)
    if (name !== 'nothing' && name !== 'blanks') assert.ok(turns >= 7, `${name}: ${turns} turns`)
  }
  const { turns } = await turnsDuring(() => reader.decode(bodyRequest(Buffer.from(largeTexts['many fields']), 10_000_000)))
  assert.ok(turns > 150, `${turns} turns`)
})

test('a large body that is malformed, no UTF-8, or beyond the limits of JSON is refused as a small one is', async () => {
  const limited = { ...large, json: { ...defaultJsonLimits, strings: 100_000 } }
  const reader = createBodyReader(limited)
  const text = 'x'.repeat(400_000)
  const bodies = [`{"a":"${text}",}`, `{"a":"${text}`, `["${text}"]`, `{"a":[${'"",'.repeat(100_000)}1]}`, `{"a":${'['.repeat(301)}"${text}"`].map((body) => Buffer.from(body))
  const broken = Buffer.concat([Buffer.from(`{"a":"${text}`), Buffer.from([0xff]), Buffer.from('"}')])
  for (const bytes of [...bodies, broken]) {
    const refused = await reader.decode(bodyRequest(bytes)).catch((error: unknown) => error)
    assert.ok(refused instanceof ApiError && refused.code === 'bad_request')
    assert.throws(() => decodeBody(bytes, undefined, limited), { message: refused.message })
  }
  // None of them holds anything any more.
  for (let i = 0; i < 3; i++) assert.deepEqual((await reader.decode(bodyRequest(Buffer.from(`{"a":"${'x'.repeat(13_000_000)}"}`)))).raw, null)
})

test('a large form is decoded in turns into what it is in one piece, or refused as a small one is', async () => {
  const reader = createBodyReader({ ...large, json: { ...defaultJsonLimits, strings: 60_000 } })
  const forms = [
    `__proto__=1&${Array.from({ length: 50_000 }, (_, i) => `field%2d${i % 40_000}=v+${i}`).join('&')}&7=digits&&`, `a=${'%c3%a9'.repeat(100_000)}`, 'a=1&'.repeat(60_001), `${'a=1&'.repeat(50_000)}${'b=%zz'.repeat(50_000)}`, `${'a=1;'.repeat(100_000)}`, '&'.repeat(300_000),
  ]
  for (const text of forms) {
    const bytes = Buffer.from(text)
    const attempt = async (decode: () => Body | Promise<Body>): Promise<unknown> => { try { return await decode() } catch (error) { return error } }
    const whole = await attempt(() => decodeBody(bytes, form, { ...large, json: { ...defaultJsonLimits, strings: 60_000 } }))
    const { made, turns } = await turnsDuring(() => attempt(() => reader.decode(bodyRequest(bytes, bytes.length, { 'content-type': form }))))
    assert.deepEqual(made, whole)
    if (text === forms[0]) assert.deepEqual([turns > 80, Object.keys((made as Body).data ?? {})[1]], [true, '__proto__'])
  }
})

test('large bodies are decoded one after the other, and each counts as being read until then', async () => {
  const reader = createBodyReader(large)
  const bytes = Buffer.from(`{"a":"${'x'.repeat(12_000_000)}"}`)
  const done: number[] = []
  const three = [0, 1, 2].map(async (i) => {
    await reader.decode(bodyRequest(bytes, bytes.length))
    done.push(i)
  })
  // They have all been received by now, and not been decoded.
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(done, [])
  await assert.rejects(reader.decode(bodyRequest(bytes, bytes.length)), (error) => error instanceof ApiError && error.code === 'overloaded')
  assert.equal((await reader.decode(bodyRequest(Buffer.from('{"a":1}')))).jsonText, '{"a":1}')
  assert.deepEqual(done, [])
  await Promise.all(three)
  assert.deepEqual(done, [0, 1, 2])
  await reader.decode(bodyRequest(bytes, bytes.length))
})

let server: TestServer
before(async () => {
  server = await startTestServer(
    { limits },
    {
      isUpload: (path) => path === 'upload',
      serve: async ({ data, raw, upload }) => {
        let size = 0
        if (upload) for await (const chunk of upload) size += chunk.length
        return { status: 200, body: JSON.stringify({ data, raw: raw?.length, size }) }
      },
    },
  )
})
after(() => server.stop())

test('a body may come in pieces and in chunks', async () => {
  const client = server.connect()
  await client.send(...(requestText('POST /v1/a', '{"a":"bc"}').match(/[\s\S]{1,9}/g) ?? []))
  assert.equal((await client.answer())?.text, '{"data":{"a":"bc"},"size":0}')
  await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n', '2\r\n1}\r\n0\r\n\r\n')
  assert.equal((await client.answer())?.text, '{"data":{"a":1},"size":0}')
  client.close()
})

test('a body that announces itself as too large is 413 at once, and the connection can go on', async () => {
  const client = server.connect()
  await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n')
  const answer = await client.answer()
  assert.deepEqual([answer?.status, answer?.text], [413, '{"errors":["request body is larger than 2000 bytes"]}'])
  await client.send('x'.repeat(3000) + requestText('GET /v1/b'))
  assert.equal((await client.answer())?.status, 200)
  client.close()
})

test('a body in chunks is 413 as soon as it is too large', async () => {
  const client = server.connect()
  const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`
  await client.send(`POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}${chunk}`)
  assert.equal((await client.answer())?.status, 413)
  await client.send(`${chunk}0\r\n\r\n${requestText('GET /v1/b')}`)
  assert.equal((await client.answer())?.status, 200)
  client.close()
})

test('a request that is refused by its head gets its answer before its body', async () => {
  const client = server.connect()
  await client.send('POST /v1/a/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n')
  assert.equal((await client.answer())?.status, 400)
  client.close()
})

test('too many large bodies at the same time are 503, and what was held is given back', async () => {
  const clients = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const client = server.connect()
      await client.send(`POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1999\r\n\r\n{"a":"${'x'.repeat(1600)}`)
      return client
    }),
  )
  await pause(20)
  const late = server.connect()
  assert.equal((await late.ask('POST /v1/a', `{"a":"${'x'.repeat(1000)}"}`)).status, 503)
  for (const client of clients) client.close()
  await pause(20)
  assert.equal((await late.ask('POST /v1/a', `{"a":"${'x'.repeat(1000)}"}`)).status, 200)
  late.close()
})

test('a client that waits for 100 Continue is told so, or told no without the body', async () => {
  const client = server.connect()
  await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n')
  assert.equal((await client.answer())?.status, 100)
  await client.send('{"a":1}')
  assert.equal((await client.answer())?.text, '{"data":{"a":1},"size":0}')
  await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3000\r\n\r\n')
  const refused = await client.answer()
  assert.deepEqual([refused?.status, refused?.headers['connection']], [413, 'close'])
  await client.closed()
})

test('an upload is handed on unread and without the limit of bodies', async () => {
  const client = server.connect()
  assert.equal((await client.ask('PUT /v1/upload', 'x'.repeat(100_000))).text, '{"data":null,"size":100000}')
  assert.equal((await client.ask('GET /v1/a')).status, 200)
  client.close()
})

test('the body of a read is ignored', async () => {
  const client = server.connect()
  for (const method of ['GET', 'DELETE', 'LIST'])
    assert.equal((await client.ask(`${method} /v1/a`, '{"a":')).text, '{"data":null,"size":0}', method)
  client.close()
})

test('a client that leaves in the middle of its body leaves nothing behind', async () => {
  const client = server.connect()
  await client.send('POST /v1/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"a"')
  await pause(10)
  const seen = server.requests.length
  client.close()
  await pause(20)
  assert.equal(server.requests.length, seen)
  assert.deepEqual(server.problems, [])
})
