/** KV version 1, through the engine: what the recordings do not show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, type JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { harness, type Harness } from '../testing/harness.ts'
import { kvV1 } from './index.ts'
import { leaseSecondsOf } from './rules.ts'

const fresh = (): Harness => harness({ engine: kvV1, store: memoryStore(), begin: beginTransaction })

test('an object comes back as it was written, digit by digit', async () => {
  const kv = fresh()
  const text = '{"a":12345678901234567890,"b":0.10,"c":-0,"d":1E5,"e":1e400,"__proto__":{"x":[null]},"path":"p","data":1,"":"😀\\u0000"}'
  await kv.send('POST', 'a', parseJson(text))
  assert.equal((await kv.send('GET', 'a')).text, text)
})

test('the lifetime of an object is `ttl`, else `lease`, else that of the mount', () => {
  const lease = (json: string): number => leaseSecondsOf(parseJson(json) as JsonObject, 77)
  for (const [json, seconds] of [
    ['{"ttl":"1h"}', 3600], ['{"ttl":90}', 90], ['{"ttl":"90"}', 90], ['{"lease":"30m"}', 1800], ['{"ttl":"1m","lease":"2m"}', 60],
    ['{"ttl":"-5s"}', -5],
    ['{"ttl":"soon"}', 77], ['{"ttl":1.5}', 77], ['{"ttl":{}}', 77], ['{"ttl":true}', 77],
    ['{"ttl":"soon","lease":"2m"}', 77], ['{"a":1}', 77], ['{"__proto__":{"ttl":5}}', 77],
  ] as const) {
    assert.equal(lease(json), seconds, json)
  }
})

test('a write needs `create` for a new path, else `update`', async () => {
  const kv = fresh()
  assert.equal(await kv.capability('a'), 'create')
  await kv.send('POST', 'a', { x: 1 })
  assert.deepEqual([await kv.capability('a'), await kv.capability('a/b'), await kv.capability('a/')], ['update', 'create', 'create'])
})

test('lists and scans come in pages', async () => {
  const kv = fresh()
  for (const path of ['f/b', 'f', 'z', 'a', 'f/c/d']) await kv.send('POST', path, { x: 1 })
  assert.deepEqual((await kv.send('LIST', '')).data, { keys: ['a', 'f', 'f/', 'z'] })
  assert.deepEqual((await kv.send('LIST', '?after=f&limit=1')).data, { keys: ['f/'] })
  assert.deepEqual((await kv.send('SCAN', '')).data, { keys: ['a', 'f', 'f/b', 'f/c/d', 'z'] })
  assert.deepEqual((await kv.send('SCAN', 'f?limit=1')).data, { keys: ['b'] })
  assert.equal((await kv.send('SCAN', 'none')).status, 404)
})

test('no path of a client meets what the engine keeps for itself', async () => {
  const kv = fresh()
  for (const path of ['.mount', '.versions/a/1', 'secrets/a', 'data/a', 'http%3A%2F%2Fx%2F%2Fy']) {
    await kv.send('POST', path, { path })
    assert.deepEqual((await kv.send('GET', path)).data, { path })
  }
})

test('a path with a slash at the end names a folder', async () => {
  const kv = fresh()
  await kv.send('POST', 'a/b', { x: 1 })
  assert.equal((await kv.send('GET', 'a/')).status, 404)
  assert.equal((await kv.send('DELETE', 'a/')).status, 204)
  assert.equal((await kv.send('POST', 'a/', { x: 1 })).status, 400)
  assert.deepEqual((await kv.send('LIST', 'a')).data, { keys: ['b'] })
})
