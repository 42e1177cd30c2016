/** OpenAPI: what the definitions say appears there, in the shape that tools expect. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaulted, deprecated, duration, flag, integerList, list, optional, secret, text, anything } from './fields.ts'
import { openApiDocument, openApiPaths } from './openapi.ts'
import { path, type Operation } from './operation.ts'
import { routesOf } from './route.ts'

type Item = Readonly<Record<string, unknown>>
const pathsOf = (...operations: readonly Operation[]) => openApiPaths('m/', routesOf(operations)) as Record<string, Record<string, Item>>
const handle = () => null
const key = path('keys/{name}', { name: text('Name of the key.') })

test('the fields of a write are the schema of its body, with type, default and what is required', () => {
  const write = key.write({
    summary: 'Write a key.', description: 'More of it.', deprecated: 'something else', access: 'sudo', exists: async () => true, handle,
    input: {
      value: secret(text('The value.')), ttl: defaulted(duration('How long.'), 30), tags: optional(list('Tags.')), sizes: optional(integerList('Sizes.')),
      old: optional(deprecated(flag('Old.'))), any: optional(anything('Anything.')),
    },
    output: { id: text('Its id.') },
  })
  const item = pathsOf(write)['/m/keys/{name}'] as Item
  assert.equal(item['x-vault-sudo'], true)
  assert.equal(item['x-vault-createSupported'], true)
  assert.deepEqual(item['parameters'], [{ name: 'name', in: 'path', required: true, description: 'Name of the key.', schema: { type: 'string', description: 'Name of the key.' } }])
  assert.deepEqual(item['post'], {
    summary: 'Write a key.', description: 'More of it.', operationId: 'm-keys-name-write', tags: ['secrets'], deprecated: true,
    requestBody: { content: { 'application/json': { schema: {
      type: 'object',
      properties: {
        value: { type: 'string', description: 'The value.', 'x-vault-displayAttrs': { sensitive: true } },
        ttl: { type: 'integer', description: 'How long.', format: 'seconds', default: 30 },
        tags: { type: 'array', description: 'Tags.', format: 'comma', items: { type: 'string' } },
        sizes: { type: 'array', description: 'Sizes.', format: 'comma-integers', items: { type: 'integer' } },
        old: { type: 'boolean', description: 'Old.', deprecated: true },
        any: { description: 'Anything.' },
      },
      required: ['value'],
    } } } },
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: { type: 'object', properties: { id: { type: 'string', description: 'Its id.' } }, required: ['id'] } } } } },
  })
})

test('the fields of a read, a listing and a delete are parameters of the query', () => {
  const input = { version: optional(text('Version.')) }
  const item = pathsOf(key.read({ summary: 'Read.', input, handle }), key.delete({ summary: 'Delete.', input, handle }), path('keys').list({ summary: 'List.', input, handle }))
  const version = { name: 'version', in: 'query', description: 'Version.', schema: { type: 'string', description: 'Version.' } }
  assert.deepEqual(item['/m/keys/{name}']?.['get']?.['parameters'], [version])
  assert.deepEqual(item['/m/keys/{name}']?.['delete']?.['parameters'], [version])
  const listing = item['/m/keys']?.['get']?.['parameters'] as Item[]
  assert.deepEqual(listing.map(({ name, required }) => [name, required]), [['list', true], ['version', undefined]])
})

test('where a path is read and listed, the listing stands under the path of the folder', () => {
  const folder = path('data/{path*}', { path: text('Path.') })
  const paths = pathsOf(folder.read({ summary: 'Read.', handle }), folder.list({ summary: 'List.', handle }))
  assert.deepEqual(Object.keys(paths), ['/m/data/{path}', '/m/data/{path}/'])
  assert.equal(paths['/m/data/{path}']?.['get']?.['summary'], 'Read.')
  assert.equal(paths['/m/data/{path}/']?.['get']?.['summary'], 'List.')
})

test('where a folder can be listed and scanned, one GET says both', () => {
  const folder = path('data/{path*}', { path: text('Path.') })
  const input = { after: optional(text('After.')) }
  for (const verbs of [[folder.scan({ summary: 'Scan.', input, handle }), folder.list({ summary: 'List.', input, handle })], [folder.list({ summary: 'List.', handle }), folder.scan({ summary: 'Scan.', input, handle })]]) {
    const get = pathsOf(...verbs)['/m/data/{path}']?.['get'] as { readonly parameters: readonly Item[] }
    assert.deepEqual(new Set(get.parameters.map(({ name, required }) => `${String(name)} ${String(required)}`)), new Set(['list false', 'scan false', 'after undefined']))
  }
})

test('a path that is there as one segment and as many keeps the operations of both', () => {
  const paths = pathsOf(key.read({ summary: 'One.', handle }), path('keys/{name*}', { name: text('Path.') }).write({ summary: 'Many.', handle }))
  assert.deepEqual([paths['/m/keys/{name}']?.['get']?.['summary'], paths['/m/keys/{name}']?.['post']?.['summary']], ['One.', 'Many.'])
})

test('what needs no token says so, and a document names its version', () => {
  const item = pathsOf(path('open').read({ summary: 'Open.', access: 'public', handle }))['/m/open'] as Item
  assert.equal(item['x-vault-unauthenticated'], true)
  const document = openApiDocument('1.2.3', {}) as { readonly openapi: string; readonly info: { readonly version: string } }
  assert.deepEqual([document.openapi, document.info.version], ['3.0.2', '1.2.3'])
})
