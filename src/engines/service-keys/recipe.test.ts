/** What a recipe may say, and that nothing it is filled with can say more. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Json, JsonObject } from '../../kit/json.ts'
import { keyRecipe, onService, passwordRecipe } from '../../request/testing/mounted-service.ts'
import { makeAuthority } from '../database/testing/authority.ts'
import { checkAddress, runStep, urlOf } from './call.ts'
import { pointedAt, parsePointer } from './pointer.ts'
import { parseRecipe } from './recipe.ts'
import type { Service } from './records.ts'
import { startKeyService } from './testing/key-service.ts'
import { filledText, parseText, type Known } from './template.ts'

const step = (call: JsonObject): JsonObject => ({ ...passwordRecipe, test: [{ method: 'GET', path: '/x', ...call }] })

describe('a recipe', () => {
  const refused: readonly (readonly [string, Json, RegExp])[] = [
    ['that is none', 'x', /^ApiError: .*JSON/],
    ['that tries nothing', { ...passwordRecipe, test: [] }, /recipe\.test is missing/],
    ['that changes nothing', { ...passwordRecipe, set: [] }, /recipe changes nothing/],
    ['that makes nothing', { set: passwordRecipe['set'] ?? [], test: passwordRecipe['test'] ?? [] }, /recipe makes no credential/],
    ['that could leave keys nobody knows of', { ...keyRecipe, recover: [] }, /recipe\.create may be cut off/],
    ['that does not say how a key is taken back', { ...keyRecipe, undo: undefined as unknown as Json }, /recipe\.undo is missing/],
    ['with a part that there is not', { ...keyRecipe, command: ['sh'] }, /recipe has an unknown part "command"/],
    ['with a call that has one', step({ exec: 'sh' }), /recipe\.test\[0\] has an unknown part "exec"/],
    ['with another method', step({ method: 'CONNECT' }), /recipe\.test\[0\]\.method must be one of/],
    ['with too many calls', { ...passwordRecipe, set: Array.from({ length: 9 }, () => ({ method: 'GET', path: '/x' })) }, /recipe\.set may have 8 calls/],
    ['that is too long', { ...passwordRecipe, set: [{ method: 'PUT', path: '/x', json: 'x'.repeat(70_000) }] }, /recipe may have 65536 bytes/],
    ['with two bodies', step({ json: {}, form: {} }), /json or form, not both/],
    ['that names what is not there', step({ headers: { a: '{{pending.x}}' } }), /recipe\.test\[0\]\.headers\.a: {{pending\.x}} cannot stand here; what can is {{name}}, /],
    ['that means all of what has parts', step({ headers: { a: '{{secret}}' } }), /{{secret}} cannot stand here/],
    ['with braces that begin nothing', step({ headers: { a: '{{ x y }}' } }), /a {{ that begins no placeholder/],
    ['that keeps what was not made', step({ keep: { a: '/b' } }), /only create makes something to keep/],
    ['with a pointer that is none', step({ extract: { a: 'b' } }), /extract\.a: a JSON pointer begins with \//],
    ['with a name that is none', step({ extract: { 'a-b': '/b' } }), /names have up to 64/],
    ['with a name that is no name', step({ extract: { __proto: '/b' } }), /begin with a letter/],
    ['with a status that is none', step({ expect: [99] }), /recipe\.test\[0\]\.expect must be statuses/],
    ['that is a function and more', { function: {}, create: [] }, /recipe has an unknown part "create"/],
    ['of a function with more', { function: { run: 'x' } }, /recipe\.function has an unknown part "run"/],
    ['with a length that is out of bounds', { ...passwordRecipe, generate: { name: 'p', length: 8 } }, /recipe\.generate\.length must be 16 to 512/],
    ...['http://evil/x', '//evil/x', '/a/../b', '/a/./b', 'x', '/a?b', '/a#b', '/a\\b', '/%2e%2e/b', '/a b', '/é'].map((path): readonly [string, Json, RegExp] => [`with the path ${path}`, step({ path }), /recipe\.test\[0\]\.path/]),
    ...['Host', 'content-length', 'Transfer-Encoding', 'Connection', 'x y', 'a:b', ''].map((name): readonly [string, Json, RegExp] => [`with the header "${name}"`, step({ headers: { [name]: 'x' } }), /recipe\.test\[0\]\.headers/]),
  ]
  for (const [what, recipe, reason] of refused) test(`${what} is refused with the place`, () => assert.throws(() => parseRecipe(recipe), reason))

  test('may be an object or its JSON, and a number in it is kept as it is', () => {
    assert.deepEqual(parseRecipe(JSON.stringify(keyRecipe)).recipe, parseRecipe(keyRecipe).recipe)
    assert.equal(parseRecipe('{"repeatable":true,"undo":[],"create":[{"method":"POST","path":"","json":{"a":1.0,"b":12345678901234567890}}],"test":[{"method":"GET","path":""}]}').recipe.steps.create.length, 1)
  })
})

const service: Service = { url: 'https://h:1/base/', isInsecure: false, tls: {}, timeoutSeconds: 2, secrets: {}, recipe: keyRecipe, overlapSeconds: 0 }
const nasty = ['../../admin', '..', '.', '/x', '?a=b', '#', '\\..\\', '%2e%2e', 'a/../b', '\r\nx-evil: 1', '"},"admin":{"', '&admin=1', '{{secret.x}}', '@evil', ':80', 'é\u0000']
const known: Known = { name: 'n', param: {}, secret: {}, answer: {}, pending: {}, current: {}, rotation_id: 'r' }

describe('what a placeholder stands for', () => {
  const [call] = parseRecipe({ ...passwordRecipe, set: [{ method: 'PUT', path: '/u/{{param.x}}/p', query: { q: '{{param.x}}' } }] }).recipe.steps.set
  test('is one part of a path, and never another place', () => {
    assert.ok(call !== undefined)
    for (const x of nasty) {
      if (x === '..' || x === '.') {
        assert.throws(() => urlOf(service, call, { ...known, param: { x } }), /would lead elsewhere/)
        continue
      }
      const url = urlOf(service, call, { ...known, param: { x } })
      assert.deepEqual([url.origin, url.pathname.split('/').length, url.pathname.startsWith('/base/u/'), decodeURIComponent(url.pathname.split('/')[3] ?? ''), [...url.searchParams]], ['https://h:1', 5, true, x, [['q', x]]], x)
    }
  })

  test('is one value of a body or header, as it is', async () => {
    const heard: JsonObject[] = []
    const there = await startKeyService(undefined, (body) => {
      heard.push(body as JsonObject)
      return [200, {}]
    })
    try {
      for (const kind of ['json', 'form'] as const) {
        const { recipe } = parseRecipe({ ...passwordRecipe, set: [{ method: 'POST', path: '/function', [kind]: { a: '{{param.x}}', b: 'x{{param.x}}' } }] })
        for (const x of nasty) {
          await runStep({ ...service, url: there.url }, 'set', recipe.steps.set, { ...known, param: { x } }, new AbortController().signal)
          assert.deepEqual({ ...heard.pop() }, { a: x, b: `x${x}` })
        }
      }
      const { recipe } = parseRecipe({ ...passwordRecipe, set: [{ method: 'POST', path: '/function', headers: { 'x-a': '{{param.x}}' } }] })
      const sent = runStep({ ...service, url: there.url }, 'set', recipe.steps.set, { ...known, param: { x: 'a\r\nx-evil: 1' } }, new AbortController().signal)
      await assert.rejects(sent, /^ApiError: set, call 1: the header x-a would hold what no header may$/)
    } finally {
      await there.stop()
    }
  })

  test('is not looked at again, must be there, and may be all of a credential', () => {
    const fill = (text: string): string => filledText(parseText(text, { current: 'credential', param: 'names' }, 'x'), { current: { a: '{{param.b}}', b: '1' }, param: { b: '2' } })
    assert.deepEqual([fill('{{current.a}}-{{ param.b }}'), fill('{{current}}')], ['{{param.b}}-2', '{"a":"{{param.b}}","b":"1"}'])
    for (const text of ['{{current.toString}}', '{{param.c}}', '{{param.__proto__}}']) assert.throws(() => fill(text), /is not known$/)
  })
})

test('values are taken out of answers by their pointers, as texts', () => {
  const at = (pointer: string) => pointedAt({ 'a/b': [{ 'c~': 5 }], length: 1 }, parsePointer(pointer, 'x'))
  assert.deepEqual([at('/a~1b/0/c~0'), at('/a~1b/1'), at('/a~1b/length'), at('/toString'), at('/length')], [5, undefined, undefined, undefined, 1])
})

describe('a service', () => {
  test('is not asked at an address of a link, of the metadata of a cloud, or of a group', () => {
    for (const address of ['169.254.169.254', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', 'fe80::1', 'fd00:ec2::254', '0.0.0.0', '::', '224.0.0.1', 'ff02::1']) assert.throws(() => checkAddress(address), /the address of the service/, address)
    for (const address of ['127.0.0.1', '10.0.0.1', '::1', '93.184.216.34', 'fd00::1']) checkAddress(address)
  })

  test('is refused with the field that is wrong', onService(async ({ configure, write }) => {
    const refused: readonly (readonly [JsonObject, RegExp])[] = [
      [{ url: 'http://example.com' }, /url must be https/], [{ url: 'ftp://x' }, /url must be a URL/], [{ url: 'https://u:p@x' }, /url may not hold a user/], [{ url: '' }, /url is missing/],
      [{ ca_cert: 'x' }, /ca_cert is not/], [{ client_cert: 'x' }, /client_cert and client_key/], [{ pinned_sha256: 'ab' }, /pinned_sha256/],
      [{ timeout: 0 }, /timeout must be 1 to 60/], [{ timeout: 61 }, /timeout must be 1 to 60/], [{ overlap: '400d' }, /overlap may be a year/],
      [{ secrets: { 'a-b': 'x' } }, /secrets: names/], [{ secrets: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, 'x'])) }, /secrets may have 32/], [{ secrets: { a: 'x'.repeat(16_385) } }, /16384 bytes/],
      [{ timeout: 60, recipe: { ...passwordRecipe, set: Array.from({ length: 8 }, () => ({ method: 'GET', path: '/x' })) } }, /may take 1200 seconds; 600 are allowed/],
    ]
    for (const [fields, reason] of refused) {
      const { status, errors } = await configure(fields)
      assert.deepEqual([status, reason.test(errors[0] ?? '')], [400, true], `${JSON.stringify(fields).slice(0, 60)}: ${errors[0]}`)
    }
    assert.equal((await configure({ url: 'http://example.com', insecure_http: true })).status, 204)
    await configure({ overlap: '1h' })
    for (const [fields, reason] of [[{}, /service is missing/], [{ service: 'x' }, /there is no service "x"/], [{ service: 'shop', rotation_period: '1h' }, /longer than the overlap/], [{ service: 'shop', rotation_period: 3 }, /rotation_period must be 5/], [{ service: 'shop', rotation_schedule: 'x' }, /./]] as const) {
      const { status, errors } = await write('keys/k', fields)
      assert.deepEqual([status, reason.test(errors[0] ?? '')], [400, true], errors[0])
    }
  }))
})

test('over TLS whoever has a certificate of the authority is trusted, and where one is pinned only whoever has that one', async () => {
  const authority = await makeAuthority(['localhost', 'other'])
  const [own, foreign] = [authority.issue('localhost'), authority.issue('other')]
  const digest = (pem: string): string => new X509Certificate(pem).fingerprint256
  await onService(async ({ service: there, configure, write, credential }) => {
    const key = { service: 'shop', params: { user: 'ann' } }
    const asked = async (fields: JsonObject): Promise<string> => {
      await configure({ url: there.url.replace('127.0.0.1', 'localhost'), ...fields })
      return (await write('keys/k', key)).errors[0] ?? ''
    }
    assert.match(await asked({}), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/)
    assert.match(await asked({ ca_cert: (await makeAuthority()).ca }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_SIGNATURE_FAILURE|SELF_SIGNED/)
    assert.match(await asked({ ca_cert: authority.ca, pinned_sha256: digest(foreign.cert) }), /another certificate than the one that is pinned/)
    assert.match(await asked({ ca_cert: authority.ca, pinned_sha256: '', tls_server_name: 'other' }), /ERR_TLS_CERT_ALTNAME_INVALID/)
    assert.deepEqual(there.requests, [])
    assert.equal(await asked({ ca_cert: authority.ca, pinned_sha256: digest(own.cert), tls_server_name: '' }), '')
    assert.equal(there.works(await credential('k')), true)
  }, { tls: own })()
})
