/** Promise 9: numbers and texts come back exactly as they were stored, through every engine that keeps them, and wrapped. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeJson, parseJson, type Json, type JsonObject } from '../kit/json.ts'
import { withServer } from '../request/testing/checked-server.ts'
import type { ServeHarness } from '../request/testing/serve-harness.ts'

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 40 })
const whole = fc.oneof(
  fc.constant('0'),
  fc.tuple(
    fc.constantFrom(...'123456789'), fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 40 })
  ).map(([first, rest]) => first + rest)
)
const exponent = fc.tuple(
  fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'),
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 4 })
).map((parts) => parts.join(''))
/** Numbers as JSON allows them to be written (RFC 8259, section 6). */
const written = fc.tuple(fc.constantFrom('', '-'), whole, fc.option(digits, { nil: null }), fc.option(exponent, { nil: null })).map(([
  sign, integer, fraction, power,
]) => sign + integer + (fraction === null ? '' : `.${fraction}`) + (power ?? ''))
const known = fc.constantFrom(
  '12345678901234567890', '1e400', '-1e400', '1.0', '-0', '0.1', '1E+2', '9007199254740993', '0.30000000000000004', '1e-400',
  '100000000000000000000000', '5e-324'
)
const texts = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !/\p{Surrogate}/u.test(text)), fc.string(),
  fc.constantFrom('', '\0', '"', '\\', '\u2028', '\ud83d\ude00', '__proto__', '1.0')
)
const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    known, written, texts.map((text) => JSON.stringify(text)), fc.constantFrom('true', 'false', 'null', '[]', '{}'),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc.array(fc.tuple(texts, tie('value')), { maxLength: 4 }).map((entries) => objectText(entries)),
  ),
})).value

const objectText = (entries: readonly (readonly [string, string])[]): string =>
  `{${[...new Map(entries)].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`

/** The data inside the data: what KV version 2 answers. */
const inner = ({ data }: Awaited<ReturnType<ServeHarness['ok']>>): JsonObject => (data?.['data'] ?? {}) as JsonObject

const places: Readonly<Record<string, (server: ServeHarness, value: Json) => Promise<Json>>> = {
  async 'KV 1'(server, value) {
    await server.ok('write', 'kv1/a', { data: { value } })
    return (await server.ok('read', 'kv1/a')).data?.['value'] ?? null
  },
  async 'KV 2'(server, value) {
    await server.ok('write', 'kv2/data/a', { data: { data: { value } } })
    return inner(await server.ok('read', 'kv2/data/a'))['value'] ?? null
  },
  async 'KV 2, patched'(server, value) {
    await server.ok('write', 'kv2/data/b', { data: { data: { other: 1, value: 0 } } })
    await server.ok('patch', 'kv2/data/b', { data: { data: { next: 1, value: [value] } } })
    return (inner(await server.ok('read', 'kv2/data/b'))['value'] as readonly Json[])[0] ?? null
  },
  async 'the cubbyhole'(server, value) {
    await server.ok('write', 'cubbyhole/a', { data: { value } })
    return (await server.ok('read', 'cubbyhole/a')).data?.['value'] ?? null
  },
  async 'sys/wrapping/wrap'(server, value) {
    const wrapped = await server.ok('write', 'sys/wrapping/wrap', { data: { value }, headers: { 'x-vault-wrap-ttl': '60s' } })
    const rewrapped = await server.ok('write', 'sys/wrapping/rewrap', { data: { token: String(wrapped.wrapInfo?.['token']) } })
    return (await server.ok(
      'write', 'sys/wrapping/unwrap', { data: { token: String(rewrapped.wrapInfo?.['token']) } }
    )).data?.['value'] ?? null
  },
  async 'a wrapped read of KV 2'(server, value) {
    await server.ok('write', 'kv2/data/c', { data: { data: { value } } })
    const wrapped = await server.ok('read', 'kv2/data/c', { headers: { 'x-vault-wrap-ttl': '60s' } })
    return inner(await server.ok('write', 'sys/wrapping/unwrap', { data: { token: String(wrapped.wrapInfo?.['token']) } }))['value'] ?? null
  },
}

for (const [place, keep] of Object.entries(places)) {
  test(`any JSON comes back from ${place} with every number and text as it was written`, async () => {
    await withServer(async (server) => {
      await server.ok('write', 'sys/mounts/kv1', { data: { type: 'kv' } })
      await server.ok('write', 'sys/mounts/kv2', { data: { type: 'kv', options: { version: '2' } } })
      const property = fc.asyncProperty(jsonText, async (text) => {
        const value = parseJson(text)
        assert.equal(encodeJson(await keep(server, value)), encodeJson(value))
      })
      await fc.assert(property, { seed: 9, numRuns: 150 })
    })
  })
}

test('a number is kept digit by digit, not only as what it is worth', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/kv2', { data: { type: 'kv', options: { version: '2' } } })
    for (const number of ['12345678901234567890', '1e400', '1.0', '-0', '1E+2', '0.10', '1e-400']) {
      await server.ok('write', 'kv2/data/a', { data: { data: { value: parseJson(number) } } })
      assert.ok((await server.ok('read', 'kv2/data/a')).text.includes(`"value":${number}}`), number)
    }
  })
})
