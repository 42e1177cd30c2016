/** What a line shows and what it does not. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { turnsDuring } from '../../kit/testing-turns.ts'
import { encodeJson, freezeDeep, JsonNumber, JsonText } from '../../kit/json.ts'
import { lineText } from './devices/device.ts'
import type { AuditAuth, AuditEntry, AuditHeaders } from './entry.ts'
import { Redactor, type RedactOptions } from './redact.ts'
import { entryOf } from './testing.ts'

const salt = Buffer.from('0f8d6bd4-7a5e-4a6c-8f47-0c3ce3f0b0aa')
const usual: RedactOptions = { hmacAccessor: true, logRaw: false, elideListResponses: false }
const hmac = (value: string | Uint8Array): string => `hmac-sha256:${createHmac('sha256', salt).update(value).digest('hex')}`
const redactor = (options: Partial<RedactOptions> = {}, headers: AuditHeaders = new Map()): Redactor => new Redactor(salt, { ...usual, ...options }, headers)

interface Line {
  readonly time: string
  readonly type: string
  readonly auth: Record<string, unknown>
  readonly request: Record<string, unknown>
  readonly response?: Record<string, unknown>
  readonly error?: string
  readonly why?: unknown
}

const text = async (entry: AuditEntry, by = redactor()): Promise<string> => `${lineText(await by.render(entry))}}`
const line = async (entry: AuditEntry, by = redactor()): Promise<Line> => JSON.parse(await text(entry, by)) as Line

const auth: AuditAuth = freezeDeep({
  accessor: 'accessor-1',
  display_name: 'userpass-ann',
  policies: ['default', 'dev'],
  token_policies: ['default', 'dev'],
  metadata: { username: 'ann' },
  entity_id: 'e-1',
  token_type: 'service',
  token_ttl: 3600,
  token_issue_time: '2026-01-02T03:04:05Z',
})

const full: AuditEntry = {
  type: 'response',
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  auth,
  remaining_uses: 3,
  verdict: { allowed: true, granting_policies: [{ name: 'dev', namespace_id: 'root', type: 'acl' }] },
  why: { policy: 'dev', rule: 'secret/data/*' },
  mount: { mount_point: 'secret/', mount_type: 'kv', mount_accessor: 'kv_1', mount_running_version: 'v1', mount_class: 'secret' },
  request: {
    id: 'r-1',
    client_id: 'e-1',
    operation: 'update',
    client_token: 'hvs.token',
    client_token_accessor: 'accessor-1',
    namespace: { id: 'root', path: '' },
    path: 'secret/data/a',
    data: { data: { password: 'hunter2' }, options: { cas: 1 } },
    policy_override: true,
    remote_address: '127.0.0.1',
    remote_port: 4711,
    wrap_ttl: 60,
    client_certificate_serial_number: '123',
    rendered: new Map(),
  },
  response: {
    auth: { client_token: 'hvs.new', accessor: 'accessor-2', policies: ['default'], num_uses: 2 },
    lease_id: 'secret/data/a/lease',
    data: { version: 3, created_time: '2026-01-02T03:04:05Z' },
    warnings: ['take care'],
    redirect: 'https://elsewhere',
    wrap_info: { ttl: 60, token: 'hvs.wrap', accessor: 'accessor-3', creation_time: '2026-01-02T03:04:05Z', creation_path: 'secret/data/a', wrapped_accessor: 'accessor-4' },
  },
  error: 'permission denied',
}

test('a line has the fields of Vault under their names', async () => {
  assert.deepEqual(await line(full), {
    time: '2026-01-02T03:04:05.678Z',
    type: 'response',
    auth: {
      client_token: hmac('hvs.token'),
      accessor: hmac('accessor-1'),
      display_name: 'userpass-ann',
      policies: ['default', 'dev'],
      token_policies: ['default', 'dev'],
      metadata: { username: 'ann' },
      entity_id: 'e-1',
      token_type: 'service',
      token_ttl: 3600,
      token_issue_time: '2026-01-02T03:04:05Z',
      remaining_uses: 3,
      policy_results: { allowed: true, granting_policies: [{ name: 'dev', namespace_id: 'root', type: 'acl' }] },
    },
    request: {
      id: 'r-1',
      client_id: 'e-1',
      operation: 'update',
      mount_point: 'secret/',
      mount_type: 'kv',
      mount_accessor: 'kv_1',
      mount_running_version: 'v1',
      mount_class: 'secret',
      client_token: hmac('hvs.token'),
      client_token_accessor: hmac('accessor-1'),
      namespace: { id: 'root' },
      path: 'secret/data/a',
      data: { data: { password: hmac('hunter2') }, options: { cas: 1 } },
      policy_override: true,
      remote_address: '127.0.0.1',
      remote_port: 4711,
      wrap_ttl: 60,
      client_certificate_serial_number: '123',
    },
    response: {
      auth: { client_token: hmac('hvs.new'), accessor: hmac('accessor-2'), policies: ['default'], num_uses: 2 },
      mount_point: 'secret/',
      mount_type: 'kv',
      mount_accessor: 'kv_1',
      mount_running_plugin_version: 'v1',
      mount_class: 'secret',
      secret: { lease_id: 'secret/data/a/lease' },
      data: { version: 3, created_time: hmac('2026-01-02T03:04:05Z') },
      warnings: ['take care'],
      redirect: 'https://elsewhere',
      wrap_info: {
        ttl: 60,
        token: hmac('hvs.wrap'),
        accessor: hmac('accessor-3'),
        creation_time: '2026-01-02T03:04:05Z',
        creation_path: 'secret/data/a',
        wrapped_accessor: hmac('accessor-4'),
      },
    },
    error: 'permission denied',
    why: { policy: 'dev', rule: 'secret/data/*' },
  })
})

test('what is empty is left out, and auth and request are always there', async () => {
  const made = await line(entryOf('sys/health', { request: { id: 'r', operation: 'read', path: 'sys/health', data: {} } }))
  assert.deepEqual(made, { time: made.time, type: 'request', auth: {}, request: { id: 'r', operation: 'read', path: 'sys/health' } })
})

test('the same line is rendered again from what is remembered', async () => {
  const by = redactor()
  const first = await text(full, by)
  assert.equal(await text(full, by), first)
  assert.equal(await text(full), first)
})

test('the auth of one token is not shown with the hash of another', async () => {
  const by = redactor()
  const with1 = await line(entryOf('a', { auth, request: { id: 'r', operation: 'read', path: 'a', client_token: 'token-1' } }), by)
  const with2 = await line(entryOf('a', { auth, request: { id: 'r', operation: 'read', path: 'a', client_token: 'token-2' } }), by)
  assert.equal(with1.auth['client_token'], hmac('token-1'))
  assert.equal(with2.auth['client_token'], hmac('token-2'))
  assert.equal(with2.request['client_token'], hmac('token-2'))
})

test('a login shows the hash of the token that it gave', async () => {
  const made = { ...auth, client_token: 'hvs.given' }
  const shown = await line({ ...entryOf('auth/userpass/login/ann'), type: 'response', auth: made, response: { auth: made } })
  assert.equal(shown.auth['client_token'], hmac('hvs.given'))
  assert.equal((shown.response?.['auth'] as Record<string, unknown> | undefined)?.['client_token'], hmac('hvs.given'))
  assert.equal(shown.request['client_token'], undefined)
})

test('an auth that is not frozen is rendered anew for each line', async () => {
  const by = redactor()
  const changing = { accessor: 'accessor-1', display_name: 'one' }
  await text(entryOf('a', { auth: changing }), by)
  changing.display_name = 'two'
  assert.equal((await line(entryOf('a', { auth: changing }), by)).auth['display_name'], 'two')
})

test('the second line of a request repeats what is kept of the first, for each device its own', async () => {
  const devices = [redactor(), redactor({ logRaw: true })]
  const data = { a: 'first' }
  const request = { ...entryOf('a').request, data, rendered: new Map() }
  const shown = (): Promise<unknown[]> => Promise.all(devices.map(async (by) => (await line(entryOf('a', { request }), by)).request['data']))
  assert.deepEqual(await shown(), [{ a: hmac('first') }, { a: 'first' }])
  data.a = 'changed'
  assert.deepEqual(await shown(), [{ a: hmac('first') }, { a: 'first' }])
})

test('data that is not frozen is rendered anew each time, frozen data only once', async () => {
  const by = redactor()
  const changing = { data: { a: 'one' } }
  const entry = (data: unknown): AuditEntry => ({ ...entryOf('a'), type: 'response', response: { data } })
  const outside = Object.freeze({ inner: changing, list: Object.freeze([changing]) })
  await text(entry(outside), by)
  changing.data.a = 'two'
  assert.equal((await text(entry(outside), by)).split(hmac('two')).length, 3)
  const fixed = freezeDeep({ data: { a: 'three' } })
  assert.equal(await text(entry(fixed), by), await text(entry(fixed), by))
})

test('keys that the mount leaves plain are plain, the ones below them are not, and another mount does not profit', async () => {
  const by = redactor()
  const data = freezeDeep({ shown: 'a', list: ['b', { deep: 'c' }], other: { shown: 'd', x: 'e' } })
  const mount = { mount_point: 'm/', mount_type: 'kv', mount_accessor: 'kv_1', non_hmac_response_keys: ['shown', 'list'] }
  const open = await line({ ...entryOf('m/x'), type: 'response', mount, response: { data } }, by)
  assert.deepEqual(open.response?.['data'], { shown: 'a', list: ['b', { deep: hmac('c') }], other: { shown: 'd', x: hmac('e') } })
  const closed = await line({ ...entryOf('n/x'), type: 'response', response: { data } }, by)
  assert.deepEqual(closed.response?.['data'], { shown: hmac('a'), list: [hmac('b'), { deep: hmac('c') }], other: { shown: hmac('d'), x: hmac('e') } })
})

test('a request that is shown before and after its mount is known shows both', async () => {
  const by = redactor()
  const request = { id: 'r', operation: 'update', path: 'm/x', data: { shown: 'a' }, rendered: new Map() }
  const mount = { mount_point: 'm/', mount_type: 'kv', mount_accessor: 'kv_1', non_hmac_request_keys: ['shown'] }
  assert.deepEqual((await line({ ...entryOf('m/x'), request }, by)).request['data'], { shown: hmac('a') })
  const after = await line({ ...entryOf('m/x'), request, mount }, by)
  assert.deepEqual([after.request['data'], after.request['mount_type']], [{ shown: 'a' }, 'kv'])
})

test('numbers, booleans and null stay as they are, and numbers that JavaScript cannot hold keep their digits', async () => {
  const data = { a: 1.5, b: true, c: null, d: new JsonNumber('12345678901234567890'), e: new JsonNumber('1e400'), f: [] as string[], g: undefined }
  const shown = await text(entryOf('a', { request: { id: 'r', operation: 'update', path: 'a', data } }))
  assert.match(shown, /"data":\{"a":1\.5,"b":true,"c":null,"d":12345678901234567890,"e":1e400,"f":\[\]\}/)
})

test('JSON that is already written out is hashed like any other', async () => {
  const data = { data: new JsonText(encodeJson({ password: 'hunter2', pin: new JsonNumber('1.0') })) }
  const by = redactor()
  const entry = { ...entryOf('a'), type: 'response', response: { data } } as const
  for (let i = 0; i < 2; i++) assert.match(await text(entry, by), new RegExp(`"data":\\{"data":\\{"password":"${hmac('hunter2')}","pin":1\\.0\\}\\}`))
})

test('CVE-2025-62705: bytes are never written plain, also with log_raw and under plain keys', async () => {
  const secret = Buffer.from('canary-bytes')
  const mount = { mount_point: 'm/', mount_type: 'kv', mount_accessor: 'kv_1', non_hmac_request_keys: ['raw'] }
  for (const logRaw of [false, true]) {
    const data = { raw: secret, list: [new Uint8Array(secret)], view: new DataView(new Uint8Array(secret).buffer), buffer: new Uint8Array(secret).buffer }
    const shown = await text({ ...entryOf('a', { mount, request: { id: 'r', operation: 'update', path: 'a', data } }) }, redactor({ logRaw }))
    for (const form of [secret.toString('latin1'), secret.toString('base64').slice(0, 12), secret.toString('hex'), [...secret].join(',')]) assert.ok(!shown.includes(form))
    assert.equal(shown.split(hmac(secret)).length, 5)
  }
})

test('CVE-2025-62513: a raw body is never written', async () => {
  const body = new TextEncoder().encode('-----BEGIN CERTIFICATE----- canary')
  const shown = await text({ ...entryOf('pki/ca/pem'), type: 'response', response: { data: { http_raw_body: body, http_status_code: 200 } } }, redactor({ logRaw: true }))
  assert.ok(!shown.includes('canary') && !shown.includes('CERTIFICATE'))
})

test('CVE-2024-8365: tokens and accessors are hashed everywhere they occur', async () => {
  const shown = await text(full)
  for (const secret of ['hvs.token', 'hvs.new', 'hvs.wrap', 'accessor-1', 'accessor-2', 'accessor-3', 'accessor-4']) assert.ok(!shown.includes(secret), secret)
})

test('hmac_accessor=false shows accessors, and still no tokens', async () => {
  const shown = await text(full, redactor({ hmacAccessor: false }))
  assert.ok(shown.includes('"accessor":"accessor-1"') && shown.includes('"wrapped_accessor":"accessor-4"'))
  assert.ok(!shown.includes('hvs.'))
})

test('CVE-2024-0831: log_raw of one device does not reach the lines of another', async () => {
  const [raw, usualOne] = [redactor({ logRaw: true }), redactor()]
  const shown = [await text(full, raw), await text(full, usualOne)]
  assert.ok(shown[0]?.includes('hunter2') && shown[0].includes('hvs.token'))
  assert.ok(!shown[1]?.includes('hunter2') && !shown[1]?.includes('hvs.token'))
})

test('CVE-2024-2877, GO-2026-5199: only listed headers are written, credentials never plain', async () => {
  const headers = { 'x-one': 'plain-1', 'x-two': ['canary-2', 'canary-3'], 'x-vault-token': 'canary-4', authorization: 'canary-5', cookie: 'canary-6', 'user-agent': 'canary-7' }
  const list: AuditHeaders = new Map([['x-one', { hmac: false }], ['x-two', { hmac: true }], ['x-vault-token', { hmac: false }], ['authorization', { hmac: false }], ['x-none', { hmac: false }]])
  for (const logRaw of [false, true]) {
    const shown = await line(entryOf('a', { request: { id: 'r', operation: 'read', path: 'a', headers } }), redactor({ logRaw }, list))
    assert.deepEqual(shown.request['headers'], {
      'x-one': ['plain-1'],
      'x-two': [hmac('canary-2'), hmac('canary-3')],
      'x-vault-token': [hmac('canary-4')],
      authorization: [hmac('canary-5')],
    })
  }
})

test('CVE-2026-46358: listed headers are written with and without a caller, in both lines', async () => {
  const list: AuditHeaders = new Map([['x-one', { hmac: false }]])
  const request = { id: 'r', operation: 'read', path: 'a', headers: { 'x-one': 'seen' } }
  for (const type of ['request', 'response'] as const) {
    for (const caller of [{}, { auth }]) {
      const shown = await line({ ...entryOf('a', caller), type, request: { ...request }, response: {} }, redactor({}, list))
      assert.deepEqual(shown.request['headers'], { 'x-one': ['seen'] })
    }
  }
})

test('elide_list_responses writes the number of keys, for lists only', async () => {
  const by = redactor({ elideListResponses: true })
  const data = { keys: ['a', 'b', 'c'], key_info: { a: { x: 'y' }, b: {} }, more: 'z' }
  const entry = (operation: string): AuditEntry => ({ ...entryOf('a', { request: { id: 'r', operation, path: 'a' } }), type: 'response', response: { data } })
  assert.deepEqual((await line(entry('list'), by)).response?.['data'], { keys: 3, key_info: 2, more: hmac('z') })
  assert.deepEqual((await line(entry('read'), by)).response?.['data'], { keys: [hmac('a'), hmac('b'), hmac('c')], key_info: { a: { x: hmac('y') }, b: {} }, more: hmac('z') })
})

test('keys called __proto__ and odd texts make no odd line', async () => {
  const data: unknown = JSON.parse('{"__proto__":{"a":"b"},"line\\nfeed":"x","\\u2028":1}')
  const shown = await text(entryOf('a"\n', { request: { id: 'r', operation: 'update', path: 'a"\n', data } }))
  assert.ok(!shown.includes('\n'))
  assert.equal(Object.keys((JSON.parse(shown) as Line).request['data'] as object).length, 3)
  assert.equal((JSON.parse(shown) as Line).request['path'], 'a"\n')
})

const answerOf = (data: unknown): AuditEntry => ({ ...entryOf('a'), type: 'response', response: { data } })
const dataOf = async (data: unknown, by = redactor()): Promise<unknown> => (JSON.parse(await text(answerOf(data), by)) as Line).response?.['data']
const hashed = (value: unknown): unknown =>
  typeof value === 'string' ? hmac(value) : Array.isArray(value) ? value.map(hashed) : typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, hashed(v)])) : value

test('a very long text does not block the event loop, comes out the same, and is hashed once where it is kept', async () => {
  // Pairs of surrogates at odd places, so that some lie at the end of a piece.
  const long = `x${'\u{1f511}é'.repeat(1_000_000)}`
  const [by, kept] = [redactor(), new JsonText(encodeJson({ long }))]
  const { made, turns } = await turnsDuring(() => dataOf({ long, list: [long, 'short'], shown: kept }, by))
  assert.deepEqual(made, { long: hmac(long), list: [hmac(long), hmac('short')], shown: { long: hmac(long) } })
  assert.ok(turns > 10, `${turns} turns`)
  assert.equal(typeof by.render(answerOf({ kept })), 'string')
})

test('a very large answer does not block the event loop, and comes out the same', async () => {
  const keys = Array.from({ length: 30_000 }, (_, i) => `name-${i}`)
  const data = { keys, key_info: Object.fromEntries(keys.slice(0, 3000).map((key) => [key, { id: key, list: [key, 1, null] }])) }
  const by = redactor()
  assert.ok(by.render(answerOf(data)) instanceof Promise)
  const { made, turns } = await turnsDuring(() => dataOf(data, by))
  assert.ok(turns > 15, `${turns} turns`)
  assert.deepEqual(made, hashed(data))
})

test('a large secret that is stored as JSON is parsed in turns, and rendered once for all who read it', async () => {
  const fields = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`field-${i}`, `value ${i}`]))
  const [by, kept] = [redactor(), new JsonText(encodeJson(fields))]
  const first = await turnsDuring(() => dataOf({ data: kept, metadata: { version: 1 } }, by))
  assert.deepEqual(first.made, { data: hashed(fields), metadata: { version: 1 } })
  assert.ok(first.turns > 40, `${first.turns} turns`)
  const again = await turnsDuring(() => dataOf({ data: kept, metadata: { version: 1 } }, by))
  assert.deepEqual(again.made, first.made)
  assert.ok(again.turns < first.turns / 2, `${again.turns} turns after ${first.turns}`)
})

test('a large body is rendered once for both lines, also where the answer is large too', async () => {
  const by = redactor()
  const fields = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`field-${i}`, `value ${i}`]))
  const entry = { ...entryOf('a'), request: { ...entryOf('a').request, data: fields, rendered: new Map() } }
  const request = JSON.parse(await text(entry, by)) as Line
  const both = JSON.parse(await text({ ...entry, type: 'response', response: { data: { list: Object.values(fields) } } }, by)) as Line
  assert.deepEqual(request.request['data'], hashed(fields))
  assert.deepEqual(both.request, request.request)
  assert.deepEqual(both.response?.['data'], { list: hashed(Object.values(fields)) })
})

const canary = 'CANARY'
const secretText = fc.string({ unit: 'grapheme', maxLength: 8 }).map((s) => `${canary}${s}`)
const leaf = fc.oneof(
  secretText,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  secretText.map((s) => new TextEncoder().encode(s)),
  secretText.map((s) => new JsonText(encodeJson({ k: [s] }))),
  secretText.map((s) => new Map([['k', s]])),
  secretText.map((s) => new Set([s])),
  secretText.map((s) => ({ toJSON: () => s })),
)
const { value: anyData } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(fc.string({ maxLength: 5 }), tie('value'), { maxKeys: 4 })),
}))

test('CVE-2025-62513, CVE-2025-62705, CVE-2024-8365: no canary survives in any line, whatever the data', async () => {
  const by = redactor()
  await fc.assert(
    fc.asyncProperty(anyData, anyData, secretText, fc.boolean(), async (requestData, responseData, token, isFrozen) => {
      const fix = <T>(value: T): T => (isFrozen ? freezeDeep(value) : value)
      const entry: AuditEntry = {
        ...entryOf('a', { auth: fix({ accessor: `${token}-a`, client_token: `${token}-c` }) }),
        type: 'response',
        request: { id: 'r', operation: 'update', path: 'a', client_token: token, client_token_accessor: `${token}-b`, data: fix(requestData), headers: { 'x-vault-token': token, other: token } },
        response: { data: fix(responseData), auth: { client_token: token, accessor: token }, wrap_info: { token, accessor: token, wrapped_accessor: token }, headers: { 'set-cookie': token } },
      }
      for (const shown of [await text(entry, by), await text(entry, by)]) {
        JSON.parse(shown)
        assert.ok(!shown.includes(canary), shown)
      }
    }),
    { numRuns: 3000, seed: 20260102 },
  )
})
