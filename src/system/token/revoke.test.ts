/** Revoking tokens: what dies with them, at which moment, and what does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { opaqueStore } from '../../core/base.ts'
import { killToken } from '../../core/tokens/revoke.ts'
import { hashToken } from '../../core/tokens/create.ts'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { Served, ServeHarness } from '../../request/testing/serve-harness.ts'

const idOf = ({ auth }: Served): string => String(auth?.['client_token'])
const accessorOf = ({ auth }: Served): string => String(auth?.['accessor'])
const isAlive = async (server: ServeHarness, token: string): Promise<boolean> => (await server.request('read', 'auth/token/lookup-self', { token })).status === 200
const living = async (server: ServeHarness, tokens: readonly string[]): Promise<boolean[]> => await Promise.all(tokens.map((token) => isAlive(server, token)))

const make = (server: ServeHarness, token: string, data: JsonObject = {}): Promise<Served> => server.ok('write', 'auth/token/create', { token, data: { ttl: '10h', ...data } })

/** A root token that ends, its child, and its child's child; the last one is a batch token or not. */
async function family(server: ServeHarness, lowest: JsonObject = {}): Promise<{ readonly made: readonly Served[]; readonly tokens: readonly string[] }> {
  const parent = await make(server, server.rootToken, { policies: ['root'] })
  const child = await make(server, idOf(parent), { policies: ['root'] })
  const grandchild = await make(server, idOf(child), { policies: ['default'], ...lowest })
  const made = [parent, child, grandchild]
  return { made, tokens: made.map(idOf) }
}

const ways: Record<string, (server: ServeHarness, top: Served) => Promise<Served>> = {
  'by itself': (server, top) => server.ok('write', 'auth/token/revoke-self', { token: idOf(top) }),
  'by its text': (server, top) => server.ok('write', 'auth/token/revoke', { data: { token: idOf(top) } }),
  'by its accessor': (server, top) => server.ok('write', 'auth/token/revoke-accessor', { data: { accessor: accessorOf(top) } }),
  'by the prefix of its lease': (server) => server.ok('write', 'sys/leases/revoke-prefix/auth/token/create'),
}
for (const [way, revoke] of Object.entries(ways)) {
  test(`three generations die at once: revoked ${way}`, async () => {
    await withServer(async (server) => {
      const { made, tokens } = await family(server)
      assert.deepEqual(await living(server, tokens), [true, true, true])
      assert.equal((await revoke(server, made[0] as Served)).status, 204)
      assert.deepEqual(await living(server, tokens), [false, false, false])
    })
  })
}

test('the whole family is refused from the first commit on, before anything of it is removed', async () => {
  await withServer(async (server) => {
    const { tokens } = await family(server)
    await killToken(server.core, hashToken(server.core, tokens[0] as string))
    assert.deepEqual(await living(server, tokens), [false, false, false])
    assert.equal((await opaqueStore(server.core).list('revoking/')).length, 1)
  })
})

test('what a crash left of a family is removed by whichever process comes next', async () => {
  await withServer(async (server) => {
    const { tokens } = await family(server)
    await killToken(server.core, hashToken(server.core, tokens[0] as string))
    const next = await server.sibling()
    await next.sweep()
    assert.deepEqual(await living(next, tokens), [false, false, false])
    // Only the first root token is left.
    assert.equal((await opaqueStore(next.core).list('token/')).length, 1)
    await next.close()
  })
})

test('a parent that has ended takes its descendants along, at that very second', async () => {
  await withServer(async (server) => {
    const parent = await make(server, server.rootToken, { policies: ['root'], ttl: '1h' })
    const child = await make(server, idOf(parent), { policies: ['root'] })
    const batch = await make(server, idOf(child), { policies: ['default'], type: 'batch' })
    const tokens = [parent, child, batch].map(idOf)
    server.clock.advance(3599)
    assert.deepEqual(await living(server, tokens), [true, true, true])
    server.clock.advance(1)
    assert.deepEqual(await living(server, tokens), [false, false, false])
  })
})

test('a batch token dies with the one that made it, and an orphan does not', async () => {
  await withServer(async (server) => {
    const { tokens } = await family(server, { type: 'batch' })
    const orphan = idOf(await server.ok('write', 'auth/token/create-orphan', { token: tokens[1] as string, data: { type: 'batch', policies: ['default'] } }))
    await server.ok('write', 'auth/token/revoke', { data: { token: tokens[1] as string } })
    assert.deepEqual(await living(server, [...tokens, orphan]), [true, false, false, true])
  })
})

test('revoke-orphan kills one token, whose children live on as orphans with their own children', async () => {
  await withServer(async (server) => {
    const { tokens } = await family(server)
    await server.ok('write', 'auth/token/revoke-orphan', { data: { token: tokens[0] as string } })
    assert.deepEqual(await living(server, tokens), [false, true, true])
    const shown = (await server.ok('read', 'auth/token/lookup-self', { token: tokens[1] as string })).data
    assert.equal(shown?.['orphan'], true)
    await server.ok('write', 'auth/token/revoke', { data: { token: tokens[1] as string } })
    assert.deepEqual(await living(server, tokens), [false, false, false])
  })
})

test('revoke-orphan answers for tokens that are not there, and for batch tokens', async () => {
  await withServer(async (server) => {
    const batch = idOf(await make(server, server.rootToken, { type: 'batch', policies: ['default'] }))
    for (const [token, text] of [['', /missing token ID/], ['hvs.nobody', /token to revoke not found/], [batch, /batch tokens cannot be revoked/]] as const) {
      const answer = await server.request('write', 'auth/token/revoke-orphan', { data: { token } })
      assert.equal(answer.status, 400)
      assert.match(answer.errors.join(), text)
    }
  })
})

test('revoking a token twice, and one that never was, is done', async () => {
  await withServer(async (server) => {
    const token = idOf(await make(server, server.rootToken))
    for (const again of [token, token, 'hvs.never', 'hvb.never']) assert.equal((await server.request('write', 'auth/token/revoke', { data: { token: again } })).status, 204)
    const self = await server.request('write', 'auth/token/revoke-self', { token })
    assert.equal(self.status, 403)
  })
})

test('what a token kept in its cubbyhole goes with it', async () => {
  await withServer(async (server) => {
    const token = idOf(await make(server, server.rootToken, { policies: ['default'] }))
    await server.ok('write', 'cubbyhole/deep/inside', { token, data: { hidden: 'treasure-of-the-token' } })
    await server.ok('write', 'auth/token/revoke', { data: { token } })
  }, { secrets: ['treasure-of-the-token'] })
})

test('a token with limited uses can be used exactly as often, also when all come at once', async () => {
  await withServer(async (server) => {
    for (const uses of [1, 2, 7]) {
      const token = idOf(await make(server, server.rootToken, { num_uses: uses, policies: ['default'] }))
      const answers = await Promise.all(Array.from({ length: 20 }, () => server.request('read', 'auth/token/lookup-self', { token })))
      assert.equal(answers.filter(({ status }) => status === 200).length, uses)
      assert.equal(answers.filter(({ status }) => status === 403).length, 20 - uses)
    }
  })
})

test('a use is paid for what is refused as well', async () => {
  await withServer(async (server) => {
    const token = idOf(await make(server, server.rootToken, { num_uses: 2, policies: ['default'] }))
    assert.equal((await server.request('read', 'sys/policies/acl/root', { token })).status, 403)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 200)
    assert.equal(await isAlive(server, token), false)
  })
})

test('a child that is made while its parent is revoked does not outlive it', async () => {
  await withServer(async (server) => {
    for (let round = 0; round < 10; round++) {
      const parent = idOf(await make(server, server.rootToken, { policies: ['root'] }))
      const [, ...children] = await Promise.all([
        server.ok('write', 'auth/token/revoke', { data: { token: parent } }),
        ...Array.from({ length: 4 }, () => server.request('write', 'auth/token/create', { token: parent, data: { ttl: '1h' } })),
      ])
      const made = children.filter(({ status }) => status === 200).map(idOf)
      assert.deepEqual(await living(server, made), made.map(() => false))
    }
  })
})
