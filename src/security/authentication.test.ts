/** Class: somebody is let in, or told apart, who should not be. */
import assert from 'node:assert/strict'
import nodeCrypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { mock, test } from 'node:test'
import { encodeToken } from '../barrier/generate-root.ts'
import { opaqueStore } from '../core/base.ts'
import { withServer } from '../request/testing/checked-server.ts'
import type { ServeHarness } from '../request/testing/serve-harness.ts'
import { badAuth, lessor } from './testing/lessor.ts'
import { clientToken, send, tokenWith } from './testing/wire.ts'

/** How often `work` derives a key from a password. */
async function derivations<T>(work: () => Promise<T>): Promise<readonly [result: T, count: number]> {
  const counted = mock.method(nodeCrypto, 'scrypt')
  syncBuiltinESMExports()
  try {
    return [await work(), counted.mock.callCount()]
  } finally {
    counted.mock.restore()
    syncBuiltinESMExports()
  }
}

test('CVE-2025-6011 (CVE-2025-54999, CVE-2025-6010): an unknown user costs one hash and gets one text, like a known one', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/known', { data: { password: 'battery staple' } })
    await server.ok('write', 'auth/userpass/users/bound', { data: { password: 'battery staple', token_bound_cidrs: '10.0.0.0/8' } })
    const login = (name: string, password: string) => derivations(() => server.request(
      'write', `auth/userpass/login/${name}`, { token: null, data: { password } }
    ))
    for (const password of ['wrong', 'x'.repeat(4_096), 'x'.repeat(4_097), 'bätterÿ']) {
      const [known, count] = await login('known', password)
      assert.equal(count, password.length <= 4_096 ? 1 : 0)
      for (const name of ['unknown', 'bound']) {
        const [other, otherCount] = await login(name, password)
        assert.deepEqual(
          [other.status, other.errors, otherCount], [known.status, known.errors, count], `${name}, ${password.length} characters`
        )
      }
    }
  })
})

test('CVE-2025-6011: a user who does not exist is locked out like one who does', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/known', { data: { password: 'battery staple' } })
    const courses = await Promise.all(['known', 'unknown'].map(async (name) => {
      const statuses: number[] = []
      for (let i = 0; i < 7; i++) statuses.push((await server.request(
        'write', `auth/userpass/login/${name}`, { token: null, data: { password: 'wrong' } }
      )).status)
      return statuses
    }))
    assert.deepEqual(courses[0], [400, 400, 400, 400, 400, 403, 403])
    assert.deepEqual(courses[1], courses[0])
  })
})

test('CVE-2025-6010: of an approle, an unknown role and a wrong secret id are refused with the same words', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    await server.ok('write', 'auth/approle/role/app', { data: { role_id: 'the-role' } })
    const login = (role_id: string, secret_id: string) => server.request(
      'write', 'auth/approle/login', { token: null, data: { role_id, secret_id } }
    )
    const [unknown, wrong] = [await login('nobody', 'wrong'), await login('the-role', 'wrong')]
    assert.deepEqual([unknown.status, unknown.errors], [wrong.status, wrong.errors])
  })
})

const countOf = async (server: ServeHarness, folder: string): Promise<number> => (await opaqueStore(server.core).list(folder)).length
/** How much there is of what a login leaves behind. */
const traces = async (server: ServeHarness): Promise<number[]> => Promise.all([
  'token/', 'accessor/', 'lease/', 'expiry/', 'entity/', 'alias/',
].map((folder) => countOf(server, folder)))

test('CVE-2026-46405: a login that comes together with an error issues nothing and leaves nothing', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/bad', { data: { type: 'bad-auth' } })
    const before = await traces(server)
    for (const data of [
      { status: '400' }, { status: '403' }, { status: '500' }, { throws: true }, { policy: 'root' }, { policy: ' Root' },
    ]) {
      const answer = await server.request('write', 'auth/bad/login', { token: null, data })
      assert.ok(answer.status >= 400, JSON.stringify(data))
      assert.equal(answer.text.includes('client_token'), false)
      assert.deepEqual(await traces(server), before, JSON.stringify(data))
    }
    // Wrapping comes last: what it refuses takes the login with it.
    assert.equal((await server.request('write', 'auth/bad/login', { token: null, headers: { 'x-vault-wrap-ttl': '-1s' } })).status, 400)
    assert.deepEqual(await traces(server), before)
    assert.equal((await server.request('write', 'auth/bad/login', { token: null })).status, 200)
  }, { engines: [badAuth] })
})

test('CVE-2026-46405: a user whose entity is disabled gets no token, and none is made', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/ann', { data: { password: 'battery staple' } })
    const login = () => server.request('write', 'auth/userpass/login/ann', { token: null, data: { password: 'battery staple' } })
    const first = await login()
    await server.ok('write', `identity/entity/id/${String(first.auth?.['entity_id'])}`, { data: { disabled: true } })
    const before = await traces(server)
    assert.equal((await login()).status, 403)
    assert.deepEqual(await traces(server), before)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token: clientToken(first) })).status, 403)
  })
})

test('GHSA-rh46: no method, header or field of a request chooses an operation that only the server performs', async () => {
  await withServer(async (server) => {
    const token = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['default'] } }))
    const before = await traces(server)
    for (const method of [
      'RENEW', 'REVOKE', 'ROLLBACK', 'CREATE', 'UPDATE', 'ALIAS-LOOKAHEAD', 'RESOLVE-ROLE', 'HEADER', 'CONNECT', 'TRACE', 'OPTIONS', 'list',
      'get', 'post',
    ]) {
      assert.equal((await send(server, method, 'auth/token/create', { token })).status, 405, method)
    }
    const smuggled = [
      { data: { operation: 'renew', Operation: 'revoke', verb: 'list', access: 'public', path: 'sys/raw/x', mount_point: 'sys/' } },
      { headers: { 'x-http-method-override': 'DELETE', 'x-method-override': 'LIST', 'x-http-method': 'PATCH' } },
      { data: {
        auth: { policies: ['root'] }, wrap_info: { ttl: 60 }, response_wrapping: true, client_token: server.rootToken,
        token_type: 'service',
      } },
    ]
    for (const sent of smuggled) {
      for (const path of ['auth/token/create', 'auth/token/create-orphan', 'sys/raw/x', 'sys/policies/acl/x']) {
        for (const method of ['POST', 'PUT', 'DELETE', 'GET']) assert.ok(
          [403, 405].includes((await send(server, method, path, { token, ...sent })).status), `${method} ${path}`
        )
      }
    }
    assert.deepEqual(await traces(server), before)
    // The query of a write does not make a listing of it, nor the other way round.
    assert.equal((await send(server, 'POST', 'auth/token/accessors?list=true', { token: server.rootToken })).status, 405)
    assert.equal((await send(server, 'DELETE', 'auth/token/accessors?list=true', { token: server.rootToken })).status, 405)
  })
})

/** Everything that key holders can begin, end, or bring further. */
const ceremonies: readonly (readonly [
  method: string, path: string, data?: Readonly<Record<string, string | number>>,
])[] = ['rekey', 'rekey-recovery-key'].flatMap((base) => [
  ['GET', `sys/${base}/init`] as const, [
    'POST', `sys/${base}/init`, { secret_shares: 1, secret_threshold: 1 },
  ] as const, ['DELETE', `sys/${base}/init`] as const,
  ['POST', `sys/${base}/update`, { key: 'ab'.repeat(33), nonce: 'x' }] as const, ['GET', `sys/${base}/verify`] as const,
  ['POST', `sys/${base}/verify`, { key: 'ab'.repeat(33), nonce: 'x' }] as const, ['DELETE', `sys/${base}/verify`] as const,
]).concat([
  ['GET', 'sys/generate-root/attempt'] as never, ['POST', 'sys/generate-root/attempt', {}] as never,
  ['DELETE', 'sys/generate-root/attempt'] as never, ['POST', 'sys/generate-root/update', { key: 'ab'.repeat(33), nonce: 'x' }] as never,
  ['GET', 'sys/generate-root'] as never, [
    'POST', 'sys/generate-root', {},
  ] as never, ['DELETE', 'sys/generate-root'] as never, ['POST', 'sys/seal'] as never, ['PUT', 'sys/seal'] as never,
])

test('CVE-2026-5807, CVE-2025-4656 (CVE-2025-52894): without sudo nobody begins, ends or disturbs a ceremony around the keys', async () => {
  await withServer(async (server) => {
    const { generateRoot, rekey } = server.core.keys
    const root = await generateRoot.start({})
    const rekeying = await rekey.start({ shares: 1, threshold: 1, requireVerification: false })
    const withoutSudo = await tokenWith(server, 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "patch"] }')
    for (const token of [
      null, 'hvs.nobody', withoutSudo, clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['default'] } })),
    ]) {
      for (const [method, path, data] of ceremonies) {
        assert.equal(
          (await send(server, method, path, { token, ...(data === undefined ? {} : { data }) })).status, 403, `${method} ${path}`
        )
      }
    }
    assert.deepEqual([(await generateRoot.status()).nonce, (await rekey.status()).nonce], [root.nonce, rekeying.nonce])
    assert.equal(server.core.barrier.isSealed, false)
  })
})

test('CVE-2026-5807: a token pays and is bound to its addresses at the ceremonies as anywhere else', async () => {
  await withServer(async (server) => {
    const sudo = 'path "sys/*" { policy = "sudo" }'
    const limited = await tokenWith(server, sudo, { num_uses: 2 })
    const read = (token: string, from = '127.0.0.1') => send(server, 'GET', 'sys/generate-root/attempt', { token, from })
    assert.deepEqual([(await read(limited)).status, (await read(limited)).status, (await read(limited)).status], [200, 200, 403])
    await server.ok('write', 'auth/token/roles/bound', { data: { token_bound_cidrs: '10.0.0.0/8', allowed_policies_glob: '*' } })
    const name = 'bound-sudo'
    await server.ok('write', `sys/policies/acl/${name}`, { data: { policy: sudo } })
    const bound = clientToken(await server.ok('write', 'auth/token/create/bound', { data: { policies: [name] } }))
    assert.deepEqual([(await read(bound)).status, (await read(bound, '10.1.2.3')).status], [403, 200])
    assert.equal((await send(server, 'POST', 'sys/seal', { token: bound })).status, 403)
  })
})

test('GHSA-34fc: a nonce that is nearly right brings nothing further, and one that is wrong disturbs nothing', async () => {
  await withServer(async (server) => {
    const { nonce } = await server.core.keys.generateRoot.start({})
    for (const wrong of [
      '', nonce.slice(0, -1), `${nonce}0`, nonce.toUpperCase(), ` ${nonce}`, nonce.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
    ]) {
      const { status, text } = await send(server, 'POST', 'sys/generate-root/update', { data: { key: 'ab'.repeat(33), nonce: wrong } })
      assert.equal(status, 400)
      assert.match(text, /incorrect nonce/)
    }
    assert.deepEqual(
      [(await server.core.keys.generateRoot.status()).nonce, (await server.core.keys.generateRoot.status()).progress], [nonce, 0]
    )
    assert.throws(() => encodeToken('a', 'ab'))
  })
})

test('CVE-2020-25816: the lease of a secret that a batch token asked for ends with that token', async () => {
  const outside = lessor(10 * 3600)
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
    await server.ok('write', 'sys/policies/acl/db', { data: { policy: 'path "db/*" { policy = "read" }' } })
    const token = clientToken(await server.ok('write', 'auth/token/create', { data: { type: 'batch', policies: ['db'], ttl: '1h' } }))
    const answer = await server.ok('read', 'db/creds/app', { token })
    assert.ok(Number(answer.body?.['lease_duration']) <= 3600, `the lease lasts ${String(answer.body?.['lease_duration'])} s`)
    server.clock.advance(1800)
    await server.sweep()
    assert.equal(outside.valid.size, 1)
    assert.ok(Number((await server.ok('read', 'db/creds/app', { token })).body?.['lease_duration']) <= 1800)
    // Renewing does not lead beyond the token either.
    const renewed = await server.request(
      'write', 'sys/leases/renew', { data: { lease_id: answer.body?.['lease_id'] as string, increment: '20h' } }
    )
    assert.ok(
      renewed.status >= 400 || Number(renewed.body?.['lease_duration']) <= 1800, `renewed for ${String(renewed.body?.['lease_duration'])} s`
    )
    server.clock.advance(1801)
    await server.sweep()
    assert.equal(outside.valid.size, 0, 'the credentials are gone')
  }, { engines: [outside.engine] })
})

test('CVE-2020-25816: the leases of a service token go with it, when it expires and when it is revoked', async () => {
  const outside = lessor(10 * 3600)
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
    await server.ok('write', 'sys/policies/acl/db', { data: { policy: 'path "db/*" { policy = "read" }' } })
    const make = async (): Promise<string> => clientToken(await server.ok(
      'write', 'auth/token/create', { data: { policies: ['db'], ttl: '1h' } }
    ))
    const [expiring, revoked] = [await make(), await make()]
    for (const token of [expiring, revoked]) await server.ok('read', 'db/creds/app', { token })
    await server.ok('write', 'auth/token/revoke', { data: { token: revoked } })
    assert.equal(outside.valid.size, 1)
    server.clock.advance(3601)
    await server.sweep()
    assert.equal(outside.valid.size, 0)
  }, { engines: [outside.engine] })
})

test('CVE-2025-6004: guesses that are sent all at once count like guesses one after the other', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/ann', { data: { password: 'battery staple' } })
    const guess = (password: string) => server.request('write', 'auth/userpass/login/ann', { token: null, data: { password } })
    const passwords = [...Array.from({ length: 60 }, (_, i) => `guess ${i}`), 'battery staple']
    const answers = await Promise.all(passwords.map(guess))
    const wrong = answers.filter(({ status }) => status === 400).length
    assert.ok(wrong >= 5 && wrong <= 8, `${wrong} guesses were told to be wrong`)
    assert.equal(answers.at(-1)?.status, 403, 'the right one came too late')
    assert.equal(await countOf(server, 'entity/'), 0)
  })
})
