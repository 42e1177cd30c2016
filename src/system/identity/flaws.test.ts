/** Flaws that others have published, in what an entity may give and what policies see of it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'

let server: ServeHarness
before(async () => {
  server = await serveHarness()
  await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
  await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
})
after(() => server.close())

async function logIn(name: string, policies = ''): Promise<{ token: string; entity: string }> {
  await server.ok('write', `auth/approle/role/${name}`, { data: { role_id: name, bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.0/8', token_policies: policies } })
  const { auth } = await server.ok('write', 'auth/approle/login', { token: null, data: { role_id: name } })
  return { token: String(auth?.['client_token']), entity: String(auth?.['entity_id']) }
}

const spellings = ['root', 'ROOT', 'Root', ' root', 'root ', ' RoOt ', '\troot', 'root\n', '\u00a0root', 'root\u3000', '\ufeffroot', 'ro\u200bot', 'ｒｏｏｔ']
const isRoot = async (token: string): Promise<boolean> => (await server.request('read', 'sys/mounts', { token })).status === 200

test('CVE-2025-5999: no spelling of "root" among the policies of an entity makes its tokens root', async () => {
  const { token, entity } = await logIn('cve-5999')
  for (const policy of spellings) {
    for (const policies of [[policy], ['other', policy], `other,${policy}`]) {
      await server.request('write', `identity/entity/id/${entity}`, { data: { policies } })
      assert.equal(await isRoot(token), false, JSON.stringify(policies))
      assert.equal(await isRoot((await logIn('cve-5999')).token), false, JSON.stringify(policies))
    }
  }
})

test('CVE-2024-9180: whoever may write identities cannot make anybody root by it, through no endpoint', async () => {
  await server.ok('write', 'sys/policies/acl/identities', { data: { policy: 'path "identity/*" { capabilities = ["create", "update", "read"] }' } })
  const { token, entity } = await logIn('cve-9180', 'identities')
  const { data } = await server.ok('read', `identity/entity/id/${entity}`)
  const [alias] = (data?.['aliases'] ?? []) as readonly JsonObject[]
  const paths = ['identity/entity', `identity/entity/id/${entity}`, `identity/entity/name/${String(data?.['name'])}`, 'identity/entity-alias', `identity/entity-alias/id/${String(alias?.['id'])}`]
  for (const path of paths) {
    const fields = { id: path.endsWith('alias') ? String(alias?.['id']) : entity, policies: ['root'], custom_metadata: { policies: 'root' } }
    await server.request('write', path, { token, data: fields })
    assert.equal(await isRoot(token), false, path)
  }
  assert.equal((await server.request('write', 'identity/entity', { token, data: { name: 'new', policies: 'Root' } })).status, 400)
})

test('the policies that only the server gives cannot be given to an entity', async () => {
  for (const policy of ['response-wrapping', 'Control-Group']) assert.equal((await server.request('write', 'identity/entity', { data: { name: 'x', policies: [policy] } })).status, 400)
})

test('GHSA-59w7-v8rr-pr4p: a name that an entity could choose for itself does not widen its templated rules', async () => {
  await server.ok('write', 'sys/policies/acl/own', { data: { policy: 'path "kv/{{identity.entity.name}}/x" { capabilities = ["create", "update"] }' } })
  const { token, entity } = await logIn('ghsa-59w7', 'own')
  const write = async (path: string): Promise<number> => (await server.request('write', path, { token, data: { a: 1 } })).status
  for (const name of ['*', '+', 'a/b', 'a*', '+/+']) {
    await server.ok('write', `identity/entity/id/${entity}`, { data: { name } })
    for (const path of ['kv/other/x', 'kv/a/b/x', 'kv/ab/x', 'kv/other']) assert.equal(await write(path), 403, `${name} ${path}`)
  }
  await server.ok('write', `identity/entity/id/${entity}`, { data: { name: 'plain' } })
  assert.equal(await write('kv/plain/x'), 204)
})

test('CVE-2021-43998: a template names the alias at the mount that it says, of no other', async () => {
  await server.ok('write', 'sys/auth/other', { data: { type: 'approle' } })
  const accessors = await Promise.all(['approle', 'other'].map(async (path) => String((await server.ok('read', `sys/auth/${path}`)).data?.['accessor'])))
  await server.ok('write', 'sys/policies/acl/by-alias', { data: { policy: `path "kv/{{identity.entity.aliases.${accessors[0]}.name}}" { capabilities = ["create"] }` } })
  const { token, entity } = await logIn('mine', 'by-alias')
  await server.ok('write', 'identity/entity-alias', { data: { name: 'theirs', canonical_id: entity, mount_accessor: String(accessors[1]) } })
  const write = async (path: string): Promise<number> => (await server.request('write', path, { token, data: { a: 1 } })).status
  assert.deepEqual([await write('kv/mine'), await write('kv/theirs')], [204, 403])
})
