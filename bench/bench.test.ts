/** The benchmark measures what it says: latencies, throughput, errors, and usage of a server that is known. */
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { addLatency, makeHistogram, mergeHistograms, quantileOf } from './histogram.ts'
import { formatRequest, runLoad, type LoadResult } from './load.ts'
import { findListener, readUsage } from './processes.ts'
import { formatResult, ratiosOf, spreadOf } from './report.ts'
import type { Measurement } from './rounds.ts'

async function load(listener: RequestListener, extra: { followUp?: { capture: string; request: string } } = {}): Promise<LoadResult> {
  const server = createServer(listener)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const requests = [formatRequest({ method: 'POST', path: 'a', token: 't', body: { a: 'ä' } }), formatRequest({ method: 'GET', path: 'b' })]
  try {
    return await runLoad({ addr: `http://127.0.0.1:${port}`, requests, connections: 4, seconds: 0.3, threads: 2, ...extra })
  } finally {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
}

test('a percentile is right to about one percent', () => {
  const histogram = makeHistogram()
  for (let i = 1; i <= 1000; i++) addLatency(histogram, i * 1000)
  assert.ok(Math.abs(quantileOf(histogram, 0.5) - 500) < 10)
  assert.ok(Math.abs(quantileOf(mergeHistograms([histogram, histogram]), 0.99) - 990) < 20)
  assert.equal(quantileOf(makeHistogram(), 0.5), 0)
})

test('every whole answer is counted, whether with a length, in chunks, in pieces or without a body', async () => {
  let served = 0
  const { count, errors, firstError, p50 } = await load((request, response) => {
    served++
    request.resume()
    if (served % 4 === 0) response.writeHead(204).end()
    else if (served % 4 === 1) response.writeHead(200, { 'Content-Length': 5 }).end('hello')
    else if (served % 4 === 2) response.write('in chunks', () => response.end('!'))
    else response.writeHead(200, { 'Content-Length': 6 }).write('one', () => setTimeout(() => response.end('two'), 2))
  })
  assert.equal(errors, 0, firstError)
  assert.ok(count > 50 && served - count <= 4, `${served} served, ${count} counted`)
  assert.ok(p50 > 0)
})

test('requests go out whole: method, path, token and body', async () => {
  const seen = new Set<string>()
  await load((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
      seen.add(`${request.method} ${request.url} ${request.headers['x-vault-token'] ?? 'none'} ${body}`)
      response.end('x')
    })
  })
  assert.deepEqual([...seen].toSorted(), ['GET /v1/b none ', 'POST /v1/a t {"a":"ä"}'])
})

test('a refusal is an error and is named', async () => {
  const { count, errors, firstError } = await load((_, response) => response.writeHead(403).end('permission denied'))
  assert.equal(count, 0)
  assert.ok(errors > 0)
  assert.match(firstError, /^403 [^]*permission denied/)
})

test('a follow-up request carries what was caught', async () => {
  const followUp = { capture: '"token":"(\\w+)"', request: formatRequest({ method: 'GET', path: 'second', token: '{capture}' }) }
  const { count, errors, firstError } = await load((request, response) => {
    request.resume()
    const isSecond = request.url === '/v1/second'
    response.statusCode = isSecond && request.headers['x-vault-token'] !== 'abc' ? 403 : 200
    response.end(isSecond ? 'done' : '{"token":"abc"}')
  }, { followUp })
  assert.equal(errors, 0, firstError)
  assert.ok(count > 0)
})

test('a server that closes the connection after each answer is measured all the same', async () => {
  const { count } = await load((request, response) => {
    request.resume()
    response.writeHead(200, { Connection: 'close' }).end('x')
  })
  assert.ok(count > 5)
})

test('the process behind a port is found, with its CPU time and memory', { skip: process.platform === 'linux' ? false : 'needs /proc' }, async () => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  assert.equal(findListener(port), process.pid)
  await new Promise((done) => server.close(done))
  const usage = readUsage(process.pid)
  assert.ok(usage?.shareBytes && usage.shareBytes > usage.ownBytes / 2 && usage.shareBytes <= usage.memoryBytes * 1.1)
  assert.ok(usage && usage.ownBytes > 2 ** 20 && usage.memoryBytes > usage.ownBytes && usage.cpuSeconds >= 0)
})

test('ratios are taken round by round', () => {
  const round = (perSecond: number): Measurement => ({ count: 1, errors: 0, firstError: '', perSecond, p50: 1, p99: 2, cpuPerThousand: null, memoryBytes: null, shareBytes: null, ownBytes: null })
  const result = { workload: 'w', measurements: [[round(200), round(300)], [round(100), round(100)]] }
  assert.deepEqual(ratiosOf(result), { median: 2.5, min: 2, max: 3 })
  assert.match(formatResult(result, ['A', 'B']), /2\.50 \(2\.00 to 3\.00\)\nw +B +100 /)
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
})
