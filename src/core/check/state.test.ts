/** A check that finds nothing proves nothing: each kind of damage is done here to a state that was sound. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropTree } from '../../barrier/names.ts'
import type { Json } from '../../kit/json.ts'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { checkServer } from '../../request/testing/checked-server.ts'
import { namedStore, opaqueStore } from '../base.ts'
import { entityRecords } from '../identity/record.ts'
import { leaseRecords } from '../leases/record.ts'
import { mountPlaces, mountRecords, mountsOfType, removals, treeOf } from '../mounts/record.ts'
import { tokenRecords, type TokenRecord } from '../tokens/record.ts'
import { killToken } from '../tokens/revoke.ts'
import { checkState } from './state.ts'

/** Tokens with children, wrapped answers, users with entities, cubbyholes, mounts. */
async function filled(): Promise<ServeHarness> {
  const server = await serveHarness()
  const write = (path: string, data: Json, token = server.rootToken) => server.ok('write', path, { data, token })
  await write('sys/mounts/kv', { type: 'kv', options: { version: '2' } })
  await write('kv/data/clients-chose-this', { data: { password: 'correct horse' } })
  await write('sys/auth/userpass', { type: 'userpass' })
  await write('auth/userpass/users/ann', { password: 'battery staple' })
  await write('auth/userpass/login/ann', { password: 'battery staple' })
  const parent = String((await write('auth/token/create', { policies: ['root'], ttl: '1h', num_uses: 0 })).auth?.['client_token'])
  await write('auth/token/create', { policies: ['default'], ttl: '1h', num_uses: 3 }, parent)
  await write('cubbyhole/mine', { a: '1' }, parent)
  await server.ok('read', 'kv/data/clients-chose-this', { headers: { 'x-vault-wrap-ttl': '10m' } })
  return server
}

async function problems(server: ServeHarness, secrets: readonly string[] = []): Promise<string[]> {
  return (await checkState(server.core, { secrets })).map(({ problem }) => problem)
}

test('the state of a server that was used is sound, and tells nothing', async () => {
  const server = await filled()
  await checkServer(server, { secrets: ['clients-chose-this', 'correct horse', 'battery staple', server.rootToken] })
  await server.close()
})

test('a state in the middle of a revocation is sound but not settled', async () => {
  const server = await filled()
  const parent = await aToken(server, ({ expiresAt, parent: above }) => expiresAt > 0 && above !== null && above !== '')
  await killToken(server.core, parent.hash)
  assert.deepEqual(await checkState(server.core), [])
  assert.deepEqual((await checkState(server.core, { isSettled: true })).map(({ problem }) => problem), ['is still to be finished'])
  await checkServer(server)
  await server.close()
})

test('a mount whose data are half removed is sound as long as somebody is to finish it', async () => {
  const server = await filled()
  const record = await aMount(server, 'kv/')
  const tainted = { put: mountRecords.key('kv/'), value: mountRecords.encode({ ...record, tainted: true }) }
  await namedStore(server.core).commit([], [tainted, { put: removals.key(record.uuid), value: removals.encode(record) }])
  await removeFirst(server, `t/${treeOf(record)}/d/`)
  assert.deepEqual(await problems(server), [])
  await server.close()
})

async function aToken({ core }: ServeHarness, isWanted: (record: TokenRecord) => boolean): Promise<TokenRecord> {
  const store = opaqueStore(core)
  for (const hash of await store.list('token/')) {
    const record = await tokenRecords.read(store, hash)
    if (record !== null && isWanted(record)) return record
  }
  throw new Error('there is no such token')
}

const opaque = ({ core }: ServeHarness) => opaqueStore(core)
async function firstUnder(server: ServeHarness, folder: string): Promise<string> {
  const [name = ''] = await opaque(server).list(folder)
  return name.endsWith('/') ? await firstUnder(server, folder + name) : folder + name
}
const remove = (server: ServeHarness, key: string): Promise<number> => opaque(server).commit([], [{ del: key }])
const removeFirst = async (server: ServeHarness, folder: string): Promise<number> => remove(server, await firstUnder(server, folder))
const put = (server: ServeHarness, key: string, value: Uint8Array): Promise<number> => opaque(server).commit([], [{ put: key, value }])
const nobody = 'f'.repeat(64)

async function aMount({ core }: ServeHarness, path: string) {
  const record = await mountRecords.read(namedStore(core), path)
  assert.ok(record !== null)
  return record
}

const damages: Record<string, { readonly damage: (server: ServeHarness) => Promise<unknown>; readonly found: RegExp }> = {
  'a value that was changed': {
    damage: async (server) => {
      const key = await firstUnder(server, 'accessor/')
      const below = opaque(server).base
      const value = Buffer.from((await below.get(key))?.value ?? [])
      value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1)
      await below.commit([], [{ put: key, value }])
    },
    found: /cannot be opened/,
  },
  'a value that was moved': {
    damage: async (server) => {
      const below = opaque(server).base
      const [first = '', second = ''] = await below.list('token/')
      await below.commit([], [{ put: `token/${first}`, value: (await below.get(`token/${second}`))?.value ?? Buffer.alloc(0) }])
    },
    found: /cannot be opened/,
  },
  'a record that is no JSON': {
    damage: async (server) => put(server, await firstUnder(server, 'token/'), Buffer.from('{')), found: /cannot be decoded/,
  },
  'a key of an unknown kind': {
    damage: (server) => put(server, 'surprise/x', Buffer.from('{}')), found: /a kind that this check does not know/,
  },
  'a token without its accessor': { damage: (server) => removeFirst(server, 'accessor/'), found: /not found by its accessor/ },
  'a token that never expires': { damage: (server) => removeFirst(server, 'expiry/'), found: /not in the index of expiry/ },
  'a token without its lease': {
    damage: async (server) => {
      const [folder = ''] = await opaque(server).list('lease/')
      await removeFirst(server, `lease/${folder}`)
    },
    found: /has no lease/,
  },
  'a child that its parent does not know': { damage: (server) => removeFirst(server, 'child/'), found: /not known to its parent/ },
  'a token that is gone while everything points at it': { damage: (server) => removeFirst(server, 'token/'), found: /leads to no token/ },
  'a child of a parent that is gone': {
    damage: async (server) => {
      const { parent, hash } = await aToken(server, (record) => record.parent !== null)
      await remove(server, `token/${parent}`)
      await server.core.clearCubbyhole(hash)
    },
    found: /has a parent that is gone/,
  },
  'a token with more uses than it was given': {
    damage: async (server) => {
      const record = await aToken(server, ({ numUses }) => numUses > 0)
      await put(server, tokenRecords.key(record.hash), tokenRecords.encode({ ...record, usesLeft: record.numUses + 1 }))
    },
    found: /no use left, or more/,
  },
  'a note for a token that lives': {
    damage: async (server) => put(
      server, (await firstUnder(server, 'token/')).replace('token/', 'revoking/'), Buffer.from('{"hash":"x","cubbyholeId":""}')
    ),
    found: /a note for a token that lives/,
  },
  'an entry of expiry that lies': {
    damage: (server) => put(server, `expiry/000000000001t${nobody}`, Buffer.alloc(0)), found: /no time at which a token expires/,
  },
  'a lease that is held by nobody': {
    damage: (server) => put(server, `held/${nobody}/${'a'.repeat(40)}.x`, Buffer.alloc(0)), found: /no lease of this token/,
  },
  'a lease of a mount that is gone': {
    damage: async (server) => {
      const key = await firstUnder(server, 'lease/')
      const [, folder = '', suffix = ''] = key.split('/')
      const lease = await leaseRecords.read(opaque(server), folder, suffix)
      assert.ok(lease !== null)
      const secret = {
        mountPath: 'gone/', mountUuid: 'gone', kind: 'x', internal: {}, issuedAt: 1, expiresAt: 2, lastRenewalAt: 0, ttl: 1, maxTtl: 1,
        renewable: false,
        failures: 0, failure: '', irrevocable: true,
      }
      await put(server, key, leaseRecords.encode({ ...lease, secret }))
    },
    found: /has no mount/,
  },
  'a lease in a folder that is in no list': { damage: (server) => removeFirst(server, 'folder/'), found: /a folder that is in no list/ },
  'a folder that nothing leads to': {
    damage: (server) => put(server, `folder/${'a'.repeat(40)}/${'b'.repeat(40)}`, Buffer.from('{"name":"x/"}')),
    found: /not reached from the root/,
  },
  'something in the cubbyhole of a token that is gone': {
    damage: async ({ core }) => {
      const cubbyhole = await core.mounts.at('cubbyhole/')
      await cubbyhole?.store.commit([], [{ put: 'nobody/x', value: Buffer.from('{}') }])
    },
    found: /the cubbyhole of a token that is gone/,
  },
  'a wrapped answer of a token that is gone': {
    damage: async ({ core }) => {
      const cubbyhole = await core.mounts.at('cubbyhole/')
      await cubbyhole?.store.commit([], [{ put: '.wrapped/nobody', value: Buffer.from('{}') }])
    },
    found: /the cubbyhole of a token that is gone/,
  },
  'a wrapping token without an answer': {
    damage: async (server) => {
      const { cubbyholeId } = await aToken(server, ({ wrapping }) => wrapping !== undefined)
      await server.core.clearCubbyhole(cubbyholeId)
    },
    found: /nothing to unwrap/,
  },
  'a tree without a mount': {
    damage: async ({ core }) => {
      await core.barrier.tree('somebody-elses').commit([], [{ put: 'a', value: Buffer.from('1') }])
    },
    found: /a tree without a mount/,
  },
  'a mount that is gone while its data are there': {
    damage: async (server) => namedStore(server.core).commit([], [{ del: mountRecords.key('kv/') }]),
    found: /a tree without a mount/,
  },
  'tokens of an auth mount that is gone': {
    damage: async (server) => {
      await dropTree(server.core.barrier.values, (await aMount(server, 'auth/userpass/')).uuid)
      await namedStore(server.core).commit([], [{ del: mountRecords.key('auth/userpass/') }])
    },
    found: /given by an auth mount that is gone/,
  },
  'a mount that is marked as leaving, without a note': {
    damage: async (server) => {
      const record = await aMount(server, 'kv/')
      await namedStore(server.core).commit([], [{ put: mountRecords.key('kv/'), value: mountRecords.encode({ ...record, tainted: true }) }])
    },
    found: /the mount and the note differ/,
  },
  'a note for a mount that stays': {
    damage: async (server) => {
      const record = await aMount(server, 'kv/')
      await namedStore(server.core).commit([], [{ put: removals.key(record.uuid), value: removals.encode(record) }])
    },
    found: /the mount and the note differ/,
  },
  'a mount that its accessor does not lead to': {
    damage: async (server) => namedStore(server.core).commit([], [{ del: mountPlaces.key((await aMount(server, 'kv/')).accessor) }]),
    found: /a mount that is in no index/,
  },
  'an index that leads to a mount that is not there': {
    damage: async ({ core }) => namedStore(core).commit([], [{ put: mountsOfType.key('secret', 'kv', 'nobody'), value: mountsOfType.encode({ path: 'nowhere/' }) }]),
    found: /says where a mount is that is not there/,
  },
  'a lease that counts as one that cannot be revoked': {
    damage: async (server) => put(server, (await firstUnder(server, 'lease/')).replace('lease/', 'irrevocable/').replace(/\/(?=[^/]*$)/, '.'), Buffer.alloc(0)),
    found: /no lease that cannot be revoked/,
  },
  'a mount inside another': {
    damage: async (server) => {
      const record = await aMount(server, 'kv/')
      const inside = { ...record, path: 'kv/in/', uuid: 'other', accessor: 'other' }
      await namedStore(server.core).commit([], [{ put: mountRecords.key('kv/in/'), value: mountRecords.encode(inside) }])
    },
    found: /a mount inside another/,
  },
  'two mounts on one tree': {
    damage: async (server) => {
      const record = await aMount(server, 'kv/')
      await namedStore(server.core).commit([], [{ put: mountRecords.key('zz/'), value: mountRecords.encode({ ...record, path: 'zz/' }) }])
    },
    found: /the same uuid or accessor/,
  },
  'an entity that its alias does not lead to': { damage: (server) => removeFirst(server, 'alias/'), found: /not found by an alias/ },
  'an entity that is not found by the id of its alias': {
    damage: (server) => removeFirst(server, 'alias-id/'), found: /not found by the id of an alias/,
  },
  'an entity that is not found by its name': {
    damage: async ({ core }) => {
      const [name = ''] = await namedStore(core).list('identity/entity-name/')
      await namedStore(core).commit([], [{ del: `identity/entity-name/${name}` }])
    },
    found: /not found by its name/,
  },
  'an entity that is gone while everything points at it': {
    damage: (server) => removeFirst(server, 'entity/'), found: /the alias of no entity/,
  },
  'an entity with the policy root': {
    damage: async (server) => {
      const [id = ''] = await opaque(server).list('entity/')
      const entity = await entityRecords.read(opaque(server), id)
      assert.ok(entity !== null)
      await put(server, `entity/${id}`, entityRecords.encode({ ...entity, policies: [' Root'] }))
    },
    found: /has the policy root/,
  },
  'a merged entity that leads nowhere': {
    damage: (server) => put(server, 'entity-merged/x', Buffer.from('{"into":"y"}')), found: /does not know it/,
  },
}

for (const [name, { damage, found }] of Object.entries(damages)) {
  test(`the check finds ${name}`, async () => {
    const server = await filled()
    await damage(server)
    const met = await problems(server)
    assert.ok(met.some((problem) => found.test(problem)), JSON.stringify(met))
    await server.close()
  })
}

test('the check finds a secret that is readable below the barrier, in a value and in a key', async () => {
  const server = await filled()
  await opaque(server).base.commit(
    [], [{ put: 'barrier/plain', value: Buffer.from('{"a":"correct horse"}') }, { put: 'x/clients-chose-this', value: Buffer.alloc(0) }]
  )
  const met = await checkState(server.core, { secrets: ['correct horse', 'clients-chose-this', 'battery staple'] })
  assert.deepEqual(
    met.filter(({ problem }) => /readable/.test(problem)).map(({ problem }) => problem),
    ['text 0 is readable (plain)', 'text 1 is readable (plain)']
  )
  assert.equal(JSON.stringify(met).includes('correct horse'), false, 'a finding does not repeat the secret')
  await server.close()
})

test('the check finds a secret in further raw bytes', async () => {
  const server = await filled()
  const met = await checkState(
    server.core, { secrets: ['correct horse'], raw: [{ name: 'audit.log', bytes: Buffer.from('{"x":"correct horse"}') }] }
  )
  assert.deepEqual(met, [{ where: 'audit.log', problem: 'text 0 is readable (plain) at byte 6' }])
  await server.close()
})
