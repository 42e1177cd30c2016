/** Requests to other systems: bounded in time and size, without redirects, and to no address that was not to be connected to. */
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { test } from 'node:test'
import { ApiError } from '../../kit/errors.ts'
import { NothingDone } from '../../kit/outside.ts'
import { freePort } from '../database/testing/place.ts'
import { parseBaseUrl, sendHttp, urlBelow, type HttpSettings } from './http.ts'

async function serving<T>(listener: RequestListener, work: (url: URL) => Promise<T>): Promise<T> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}/x`))
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const signal = new AbortController().signal
const get = (url: URL, settings: Partial<HttpSettings> = {}) => sendHttp({ timeoutSeconds: 5, ...settings }, { method: 'GET', url, signal })

test('an answer comes as it is, also one that leads elsewhere', () => serving((request, response) => {
  let body = ''
  request.on('data', (chunk) => (body += String(chunk))).on('end', () => response.writeHead(302, { location: 'http://127.0.0.1:1/', 'x-a': 'b' }).end(`${request.method} ${request.headers['x-given']} ${body}`))
}, async (url) => {
  const { status, headers, text } = await sendHttp({ timeoutSeconds: 5 }, { method: 'PUT', url, headers: { 'x-given': 'y' }, body: 'ä', signal })
  assert.deepEqual([status, headers['x-a'], text], [302, 'b', 'PUT y ä'])
}))

test('an answer that is too long, or does not come, is given up on, and may have had an effect', async () => {
  await serving((_, response) => response.end('x'.repeat(2_000)), async (url) => {
    await assert.rejects(get(url, { answerBytesMax: 1_000 }), (error) => error instanceof ApiError && !(error instanceof NothingDone) && error.message.endsWith('longer than 1000 bytes'))
  })
  await serving(() => undefined, async (url) => {
    await assert.rejects(get(url, { timeoutSeconds: 0.2 }), (error) => error instanceof ApiError && !(error instanceof NothingDone) && error.message.endsWith('no answer within 0.2 seconds'))
  })
})

test('who is not there had nothing done to them', async () => {
  const url = new URL(`http://127.0.0.1:${await freePort()}/?secret=1`)
  await assert.rejects(get(url), (error) => error instanceof NothingDone && error.message === `${url.origin}: ECONNREFUSED`)
})

test('an address that is refused is not connected to, written as an address or as a name', () => serving((_, response) => response.end(), async (url) => {
  const asked: string[] = []
  const checkAddress = (address: string): never => {
    asked.push(address)
    throw new NothingDone('bad_request', 'not there')
  }
  await assert.rejects(get(url, { checkAddress }), /not there/)
  await assert.rejects(get(new URL(`http://localhost:${url.port}/`), { checkAddress }), /not there/)
  await assert.rejects(get(new URL(`http://[::1]:${url.port}/`), { checkAddress }), /not there/)
  assert.equal(asked[0], '127.0.0.1')
  assert.ok(asked.length >= 3 && asked.includes('::1'))
}))

test('a base address has no user, query or fragment, and what stands below it is escaped', () => {
  const base = parseBaseUrl('https://h:1/a/', 'uri')
  assert.equal(urlBelow(base, ['b/c', 'd?e#%']).href, 'https://h:1/a/b%2Fc/d%3Fe%23%25')
  for (const part of ['', '.', '..']) assert.throws(() => urlBelow(base, [part]), /cannot be part of an address/)
  for (const text of ['h', 'file:///x', 'http://u@h', 'http://h?x', 'http://h#x']) assert.throws(() => parseBaseUrl(text, 'uri'), /^ApiError: uri /)
})
