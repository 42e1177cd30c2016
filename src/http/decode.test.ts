/** The head of a request, as Vault reads it: verbs, queries, tokens, types. */
import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { errorAnswer } from './answers.ts'
import { decodeHead, targetOf, type RequestHead } from './decode.ts'

const decode = (method: string, target: string, headers: IncomingHttpHeaders = {}): RequestHead =>
  decodeHead(method, `/v1/${target}`, headers)
const asked = (method: string, target: string): string => {
  const { verb, path, data } = decode(method, target)
  return `${verb} ${path} ${JSON.stringify(data)}`
}

/** The answer that a refused head gets. */
function refusal(method: string, target: string, headers: IncomingHttpHeaders = {}): [number, string[]] {
  try {
    decode(method, target, headers)
  } catch (error) {
    const { status, body } = errorAnswer(error)
    return [status, (JSON.parse(String(body)) as { errors: string[] }).errors]
  }
  assert.fail(`${method} ${target} was not refused`)
}

test('methods are verbs, and POST and PUT are the same', () => {
  const verbs = { GET: 'read', POST: 'write', PUT: 'write', DELETE: 'delete', HEAD: 'head', LIST: 'list', SCAN: 'scan', HELP: 'help' }
  for (const [method, verb] of Object.entries(verbs)) assert.equal(decode(method, 'a/b').verb, verb)
  assert.equal(decode('PATCH', 'a', { 'content-type': 'application/merge-patch+json' }).verb, 'patch')
})

test('a method without a meaning is 405 with an empty list of errors, OPTIONS has a text', () => {
  for (const method of ['TRACE', 'LINK', 'PROPFIND', 'get', '', '__proto__']) assert.deepEqual(refusal(method, 'a'), [405, []])
  assert.deepEqual(refusal('OPTIONS', 'a'), [405, ['1 error occurred:\n\t* unsupported operation\n\n']])
})

test('a list has a slash at its end, except at the root', () => {
  assert.equal(asked('LIST', 'a'), 'list a/ null')
  assert.equal(asked('LIST', 'a/'), 'list a/ null')
  assert.equal(asked('SCAN', 'a'), 'scan a/ null')
  assert.equal(asked('LIST', ''), 'list  null')
  assert.equal(asked('GET', 'a?list=true'), 'list a/ null')
  assert.equal(asked('GET', 'a/'), 'read a/ null')
})

test('a read with list or scan is one, in every spelling of true', () => {
  for (const text of ['1', 't', 'T', 'true', 'TRUE', 'True']) assert.equal(asked('GET', `a?list=${text}`), 'list a/ null', text)
  for (const text of ['0', 'f', 'F', 'false', 'FALSE', 'False'])
    assert.equal(asked('GET', `a?list=${text}`), `read a ${JSON.stringify({ list: text })}`)
  assert.equal(asked('GET', 'a?scan=1&after=x'), 'scan a/ {"after":"x"}')
  assert.equal(asked('GET', 'a?list='), 'read a {"list":""}')
  assert.equal(asked('LIST', 'a?list=maybe&limit=3'), 'list a/ {"list":"maybe","limit":"3"}')
  assert.equal(asked('DELETE', 'a?list=true'), 'delete a {"list":"true"}')
})

test('a list that is neither true nor false, or list and scan together, is 400 with an empty list of errors', () => {
  for (const query of ['list=maybe', 'list=yes', 'scan=2', 'list=1&scan=1', 'list=%74%72'])
    assert.deepEqual(refusal('GET', `a?${query}`), [400, []], query)
})

test('help is asked for by any value, and with any method', () => {
  assert.equal(asked('GET', 'a?help=1'), 'help a null')
  assert.equal(asked('GET', 'a?help=0&x=1'), 'help a null')
  assert.equal(asked('POST', 'a?help=true'), 'help a null')
  assert.equal(asked('DELETE', 'a?help=true'), 'help a null')
  assert.equal(asked('GET', 'a?help=&x=1'), 'read a {"x":"1"}')
})

test('the query of a read is data, a repeated name a list; that of a write is not', () => {
  assert.equal(asked('GET', 'a?x=1&y=2&x=3&z'), 'read a {"x":["1","3"],"y":"2","z":""}')
  assert.equal(asked('DELETE', 'a?versions=1%2C2&b=a+b%2B'), 'delete a {"versions":"1,2","b":"a b+"}')
  assert.equal(asked('POST', 'a?x=1'), 'write a null')
  assert.equal(decode('POST', 'a?x=%zz'.replace('%zz', '1')).query, 'x=1')
  const { data } = decode('GET', 'a?__proto__=x&constructor=y')
  assert.deepEqual(Object.entries(data ?? {}), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
})

test('a query that cannot be read is refused, not read without the broken part', () => {
  for (const query of ['list=%zz', '%', 'a=%ff', 'a=1&b=%c3'])
    assert.deepEqual(refusal('GET', `a?${query}`), [400, ['error parsing the query of the request']], query)
})

test('a write to a path with a slash at its end is refused before anything else', () => {
  for (const method of ['POST', 'PUT']) assert.deepEqual(refusal(method, 'a/'), [400, ["cannot write to a path ending in '/'"]])
  assert.deepEqual(refusal('PATCH', 'a%2F', { 'content-type': 'application/merge-patch+json' })[0], 400)
})

const type = (value: string | undefined): [number, string[]] => refusal('PATCH', 'a', value === undefined ? {} : { 'content-type': value })

test('a patch needs the type of merge patches', () => {
  assert.deepEqual(type('application/json'), [
    415,
    ['PATCH requires Content-Type of application/merge-patch+json, provided application/json'],
  ])
  assert.deepEqual(type('Application/JSON; charset=utf-8')[1], [
    'PATCH requires Content-Type of application/merge-patch+json, provided application/json',
  ])
  assert.deepEqual(type(';'), [400, ['mime: no media type']])
  assert.deepEqual(type(undefined), [400, ['mime: no media type']])
  assert.equal(type('nonsense')[0], 415)
  assert.equal(type('a/b c')[0], 400)
  assert.equal(decode('PATCH', 'a', { 'content-type': 'application/merge-patch+json; charset=utf-8' }).verb, 'patch')
})

const token = (headers: IncomingHttpHeaders): string | null => decode('GET', 'a', headers).token

test('the token is that of Vault’s header, else of Bearer, which is compared with case', () => {
  assert.equal(token({ 'x-vault-token': 'a', authorization: 'Bearer b' }), 'a')
  assert.equal(token({ authorization: 'Bearer b ' }), 'b')
  assert.equal(token({ 'x-vault-token': '', authorization: 'Bearer b' }), 'b')
  for (const authorization of ['bearer b', 'Basic b', 'Bearer', 'Bearer ', 'b']) assert.equal(token({ authorization }), null, authorization)
  assert.equal(token({}), null)
})

test('the namespace of the header is canonical', () => {
  assert.equal(decode('GET', 'a', { 'x-vault-namespace': '/one/two' }).namespace, 'one/two/')
  assert.equal(decode('GET', 'a').namespace, '')
  assert.equal(refusal('GET', 'a', { 'x-vault-namespace': '../x' })[0], 400)
})

test('a target may name the server, as proxies are sent it', () => {
  assert.equal(targetOf('http://x:8200/v1/a?b'), '/v1/a?b')
  assert.equal(targetOf('HTTPS://x/v1/http://y'), '/v1/http://y')
  assert.equal(targetOf('/v1/http://y'), '/v1/http://y')
  assert.equal(targetOf('*'), '*')
})
