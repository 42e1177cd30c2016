/** Addresses behind trusted proxies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '../kit/cidr.ts'
import { withServer } from './testing.ts'

test('the address of a trusted proxy’s client counts, and nobody else’s word', async () => {
  const forwarded = { authorizedAddrs: [parseCidr('127.0.0.0/8')], hopSkips: 0, rejectNotPresent: false, rejectNotAuthorized: false }
  await withServer({ forwarded }, {}, async (client, { requests }) => {
    await client.ask('GET /v1/a\nX-Forwarded-For: 203.0.113.5, 2001:DB8::1')
    await client.ask('GET /v1/a\nX-Forwarded-For: 203.0.113.5\nX-Forwarded-For: 198.51.100.7:4711')
    await client.ask('GET /v1/a')
    assert.deepEqual(
      requests.map(({ remoteAddress }) => remoteAddress),
      ['2001:db8::1', '198.51.100.7', '127.0.0.1'],
    )
    assert.equal((await client.ask('GET /v1/a\nX-Forwarded-For: unknown')).status, 400)
  })
  await withServer({ forwarded: { ...forwarded, hopSkips: 1 } }, {}, async (client, { requests }) => {
    await client.ask('GET /v1/a\nX-Forwarded-For: 203.0.113.5, 198.51.100.7')
    assert.equal(requests[0]?.remoteAddress, '203.0.113.5')
    assert.equal((await client.ask('GET /v1/a\nX-Forwarded-For: 203.0.113.5')).status, 400)
  })
  const strangers = { ...forwarded, authorizedAddrs: [parseCidr('10.0.0.0/8')] }
  await withServer({ forwarded: strangers }, {}, async (client, { requests }) => {
    await client.ask('GET /v1/a\nX-Forwarded-For: 203.0.113.5')
    assert.equal(requests[0]?.remoteAddress, '127.0.0.1')
    assert.equal(requests[0]?.headers['x-forwarded-for'], undefined)
    assert.deepEqual(requests[0]?.headerValues('x-forwarded-for'), [])
  })
  await withServer({ forwarded: { ...strangers, rejectNotAuthorized: true, rejectNotPresent: true } }, {}, async (client) => {
    assert.match((await client.ask('GET /v1/a\nX-Forwarded-For: 203.0.113.5')).text, /client address not authorized/)
    assert.match((await client.ask('GET /v1/a')).text, /missing x-forwarded-for/)
  })
})
