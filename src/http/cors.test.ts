/** Requests of browsers from other origins. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from './testing.ts'

test('origins are judged, and a preflight never reaches serve', async () => {
  const cors = { enabled: true, allowedOrigins: ['https://a.example'], allowedHeaders: ['X-One', 'X-Two'] }
  await withServer({}, { cors: () => cors }, async (client, { requests }) => {
    const allowed = await client.ask('GET /v1/a\nOrigin: https://a.example')
    assert.deepEqual(
      [allowed.status, allowed.headers['access-control-allow-origin'], allowed.headers['vary']],
      [200, 'https://a.example', 'Origin'],
    )
    const refused = await client.ask('GET /v1/a\nOrigin: https://c.example')
    assert.deepEqual([refused.status, refused.text], [403, '{"errors":["origin not allowed"]}'])
    const preflight = await client.ask('OPTIONS /v1/a\nOrigin: https://a.example\nAccess-Control-Request-Method: LIST')
    assert.deepEqual([preflight.status, preflight.text, preflight.headers['content-type']], [200, '', undefined])
    assert.equal(preflight.headers['access-control-allow-methods'], 'DELETE,GET,OPTIONS,POST,PUT,LIST,SCAN')
    assert.equal(preflight.headers['access-control-allow-headers'], 'X-One,X-Two')
    assert.equal(preflight.headers['access-control-max-age'], '300')
    assert.equal((await client.ask('OPTIONS /v1/a\nOrigin: https://a.example\nAccess-Control-Request-Method: BREW')).status, 405)
    assert.equal((await client.ask('OPTIONS /v1/a\nOrigin: https://c.example\nAccess-Control-Request-Method: GET')).status, 403)
    assert.equal((await client.ask('OPTIONS /v1/a')).status, 405)
    assert.equal(
      (await client.ask('GET /v1/a?list=maybe\nOrigin: https://a.example')).headers['access-control-allow-origin'],
      'https://a.example',
    )
    assert.equal(requests.length, 1)
  })
  for (const settings of [null, { ...cors, enabled: false }]) {
    await withServer({}, { cors: () => settings }, async (client) => {
      const { status, headers } = await client.ask('GET /v1/a\nOrigin: https://c.example')
      assert.deepEqual([status, headers['access-control-allow-origin']], [200, undefined])
    })
  }
  await withServer({}, { cors: () => ({ ...cors, allowedOrigins: ['*'] }) }, async (client) => {
    assert.equal((await client.ask('GET /v1/a\nOrigin: https://c.example')).headers['access-control-allow-origin'], 'https://c.example')
  })
})
