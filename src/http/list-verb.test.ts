/** Vault's own verbs over node:http, plain and TLS, in every cut and mixture. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { WireRequest } from '../request/wire.ts'
import { findRefusedVerb } from './list-verb.ts'
import {
  makeFolder,
  pause,
  requestText,
  seededRandom,
  startTestServer,
  tlsIn,
  type RawAnswer,
  type RawClient,
  withServer,
  type TestServer,
} from './testing.ts'

const asked = (answer: RawAnswer | null): string => {
  const { verb, path, data } = JSON.parse(answer?.text ?? 'null') as { verb: string; path: string; data: object | null }
  return `${verb} ${path}${data === null ? '' : ` ${JSON.stringify(data)}`}`
}

async function answers(client: RawClient, count: number): Promise<string[]> {
  const found: string[] = []
  for (let i = 0; i < count; i++) found.push(asked(await client.answer()))
  return found
}

for (const secure of [false, true]) {
  describe(`LIST and SCAN as verbs ${secure ? 'over TLS' : 'over TCP'}`, () => {
    let server: TestServer
    let folder: Awaited<ReturnType<typeof makeFolder>>
    before(async () => {
      folder = await makeFolder()
      server = await startTestServer(
        { tls: secure ? await tlsIn(folder) : null },
        {
          serve: async ({ verb, path, data }) => {
            const wait = /wait(\d+)/.exec(path)
            if (wait) await pause(Number(wait[1]))
            return { status: 200, body: JSON.stringify({ verb, path, data }) + (path.includes('big') ? ' '.repeat(1_000_000) : '') }
          },
        },
      )
    })
    after(async () => {
      await server.stop()
      await folder.remove()
    })

    test('a LIST is answered and the connection kept', async () => {
      const client = server.connect()
      assert.equal(asked(await client.ask('LIST /v1/a?limit=2')), 'list a/ {"limit":"2"}')
      assert.equal(asked(await client.ask('GET /v1/b')), 'read b')
      assert.equal(asked(await client.ask('SCAN /v1/c')), 'scan c/')
      assert.equal(asked(await client.ask('LIST /v1/d/')), 'list d/')
      assert.equal(asked(await client.ask('POST /v1/e', '{"a":1}')), 'write e {"a":1}')
      assert.equal(asked(await client.ask('HELP /v1/f')), 'help f')
      assert.equal(asked(await client.ask('LIST /v1/g', '{"ignored":true}')), 'list g/')
      assert.equal(asked(await client.ask('GET /v1/h')), 'read h')
      client.close()
    })

    test('requests in one segment are answered in their order', async () => {
      const client = server.connect()
      const sent = ['GET /v1/wait30', 'LIST /v1/b', 'LIST /v1/c', 'GET /v1/d', 'GET /v1/wait20', 'SCAN /v1/f', 'LIST /v1/g', 'GET /v1/h']
      await client.send(sent.map((head) => requestText(head)).join(''))
      assert.deepEqual(await answers(client, sent.length), [
        'read wait30',
        'list b/',
        'list c/',
        'read d',
        'read wait20',
        'scan f/',
        'list g/',
        'read h',
      ])
      assert.equal(client.rest, '')
      client.close()
    })

    test('a LIST behind a write in the same segment is read as a LIST, and neither body is taken for the other', async () => {
      const client = server.connect()
      await client.send(
        requestText('POST /v1/a', '{"x":"LIST /v1/no HTTP/1.1"}') +
          requestText('LIST /v1/b', '{"c":1}') +
          requestText('POST /v1/d', '{"y":2}'),
      )
      assert.deepEqual(await answers(client, 3), ['write a {"x":"LIST /v1/no HTTP/1.1"}', 'list b/', 'write d {"y":2}'])
      client.close()
    })

    test('a LIST may be cut into segments at any byte', async () => {
      const text = requestText('LIST /v1/a') + requestText('SCAN /v1/b')
      for (let cut = 1; cut < text.length; cut++) {
        const client = server.connect()
        await client.send(text.slice(0, cut), text.slice(cut))
        assert.deepEqual(await answers(client, 2), ['list a/', 'scan b/'], `cut at ${cut}`)
        client.close()
      }
    })

    test('a LIST may arrive byte by byte, also behind another request', async () => {
      const client = server.connect()
      await client.send(...`${requestText('GET /v1/a')}${requestText('LIST /v1/b')}`)
      assert.deepEqual(await answers(client, 2), ['read a', 'list b/'])
      client.close()
    })

    test('a LIST waits until a slow client has taken the answers before it', async () => {
      const client = server.connect()
      client.socket.pause()
      await client.send(
        requestText('GET /v1/big1') +
          requestText('GET /v1/big2') +
          requestText('LIST /v1/b') +
          requestText('GET /v1/big3') +
          requestText('LIST /v1/c'),
      )
      await pause(50)
      client.socket.resume()
      assert.deepEqual(await answers(client, 5), ['read big1', 'read big2', 'list b/', 'read big3', 'list c/'])
      client.close()
    })

    test('many LISTs on one connection leave nothing behind on its socket', async () => {
      // Node warns of more than ten listeners for one event.
      const warnings: string[] = []
      const onWarning = ({ message }: Error) => warnings.push(message)
      process.on('warning', onWarning)
      const client = server.connect()
      for (let i = 0; i < 300; i++) assert.equal(asked(await client.ask(`LIST /v1/${i}`)), `list ${i}/`)
      client.close()
      process.off('warning', onWarning)
      assert.deepEqual(warnings, [])
    })

    test('any mixture of requests, cut anywhere, is answered in order', async () => {
      const random = seededRandom(secure ? 11 : 12)
      for (let round = 0; round < 60; round++) {
        const heads = Array.from({ length: 1 + random(6) }, (_, i) => {
          const path = `/v1/${round}x${i}`
          return [`GET ${path}`, `LIST ${path}`, `SCAN ${path}`, `DELETE ${path}`, `POST ${path}`][random(5)] ?? ''
        })
        const bytes = heads.map((head) => requestText(head, head.startsWith('POST') ? `{"LIST":${round}}` : '')).join('')
        const cuts = Array.from({ length: random(5) }, () => random(bytes.length)).toSorted((a, b) => a - b)
        const client = server.connect()
        await client.send(...[0, ...cuts].map((from, i) => bytes.slice(from, cuts[i] ?? bytes.length)).filter((part) => part !== ''))
        const verbs: Record<string, string> = { GET: 'read', LIST: 'list', SCAN: 'scan', DELETE: 'delete', POST: 'write' }
        const expected = heads.map((head) => {
          const [method = '', target = ''] = head.split(' ')
          const slash = method === 'LIST' || method === 'SCAN' ? '/' : ''
          return `${verbs[method]} ${target.slice(4)}${slash}${method === 'POST' ? ` {"LIST":${round}}` : ''}`
        })
        assert.deepEqual(await answers(client, heads.length), expected, `${heads.join(', ')} cut at ${cuts.join(', ')}`)
        client.close()
      }
    })

    test('a method without a meaning is 405 with an empty list of errors, after the answers before it', async () => {
      for (const method of ['BREW', 'TRACE', 'LINK', 'LOCK', 'BIND', 'LISTEN', 'UNLIST', 'CHELP', 'XLIST', 'list', 'MOVE', 'QUERY', 'B']) {
        const client = server.connect()
        await client.send(requestText('GET /v1/wait10') + requestText(`${method} /v1/b`))
        assert.equal(asked(await client.answer()), 'read wait10', method)
        const answer = await client.answer()
        assert.deepEqual([answer?.status, answer?.text, answer?.headers['cache-control']], [405, '{"errors":[]}', 'no-store'], method)
        client.close()
      }
    })

    test('a beginning of LIST that goes on differently is refused', async () => {
      for (const parts of [
        ['LIS', 'X /v1/a HTTP/1.1\r\n\r\n'],
        ['L', 'ISTEN /v1/a HTTP/1.1\r\n\r\n'],
        ['SCA', 'M /v1/a HTTP/1.1\r\n\r\n'],
      ]) {
        const client = server.connect()
        await client.send(...parts)
        assert.equal((await client.answer())?.status, 405, parts.join('|'))
        await client.closed()
      }
    })

    test('a client that leaves in the middle of a LIST leaves nothing behind', async () => {
      for (const bytes of [
        'L',
        'LI',
        'LIS',
        'LIST',
        'LIST /v1/a HTTP/1.1\r\n',
        requestText('LIST /v1/wait20'),
        requestText('GET /v1/wait20') + requestText('LIST /v1/a'),
      ]) {
        const client = server.connect()
        await client.send(bytes)
        await pause(5)
        client.close()
        const half = server.connect()
        await half.send(bytes)
        half.socket.end()
        await half.closed()
      }
      await pause(30)
      assert.deepEqual(server.problems, [])
      assert.equal(server.listener.connectionCount, 0)
    })
  })
}

test('neither the parser that gave up a LIST nor the idle time before it times out the connection', () => {
  const serve = async ({ path }: WireRequest) => ({ status: 200, body: await pause(path === 'slow/' ? 1500 : 0).then(() => '{}') })
  return withServer({ headDurationMax: 200, idleDurationMax: 100 }, { serve }, async (client) => {
    for (const head of ['GET /v1/a', 'LIST /v1/slow', 'LIST /v1/b']) assert.equal((await client.ask(head)).status, 200, head)
  })
})

test('a connection that went on after a LIST may be idle, and is closed when it was for too long', () =>
  withServer({ headDurationMax: 200, idleDurationMax: 300 }, {}, async (client) => {
    assert.equal((await client.ask('LIST /v1/a')).status, 200)
    await pause(250)
    assert.equal((await client.ask('LIST /v1/a')).status, 200)
    await client.closed()
  }))

const found = (text: string, at: number) => findRefusedVerb(Buffer.from(text, 'latin1'), at)?.bytes.toString('latin1') ?? null

test('a verb is found where the parser stopped, and nowhere else', () => {
  assert.equal(found('LIST /x', 2), 'LIST /x')
  assert.equal(found('abcdLIST /x', 6), 'LIST /x')
  assert.equal(found('IST /x', 1), 'LIST /x')
  assert.equal(found('ST /x', 0), 'LIST /x')
  assert.equal(found('CAN /x', 0), 'SCAN /x')
  assert.equal(found('LIS', 2), 'LIS')
  for (const [text, at] of [
    ['UNLIST /x', 4],
    ['LISTEN', 2],
    ['M-SCAN /', 3],
    ['XIST /', 1],
    ['BREW /', 1],
  ] as const) {
    assert.equal(found(text, at), null, text)
  }
})
