/** Class: another spelling of a name slips past a rule. What the rules judge and what is acted on must be the same thing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServeHarness } from '../request/testing/serve-harness.ts'
import { withServer } from '../request/testing/checked-server.ts'
import { clientToken, send, tokenWith } from './testing/wire.ts'

/** Spellings of `name` that some layer might fold to it. */
const spellings = (name: string): string[] => [
  name.toUpperCase(), name[0]?.toUpperCase() + name.slice(1), `${name}%20`, `%20${name}`, `${name}%09`, `${name}%00`, `${name}/`,
  `/${name}`, `./${name}`,
  `x/../${name}`, `%2e/${name}`, `${name}%2f`, `${name}%2F..%2F${name}`, `${name}%c2%a0`, `${name}%e2%80%8b`, `${name}.`, `${name}%2e`,
  encodeURIComponent(name.toUpperCase()),
  [...name].map((c) => `%${c.charCodeAt(0).toString(16)}`).join(''),
  [...name.toUpperCase()].map((c) => `%${c.charCodeAt(0).toString(16)}`).join(''),
]

interface Case {
  readonly folder: string
  readonly name: string
  readonly body: Readonly<Record<string, string>>
  /** What an attacker writes in its place. */
  readonly attack: Readonly<Record<string, string>>
  readonly setUp?: (server: ServeHarness) => Promise<unknown>
}

const enable = (path: string, type: string) => (server: ServeHarness) => server.ok('write', path, { data: { type } })

/** Every kind of object whose name is the same in any case. */
const folding: readonly Case[] = [
  {
    folder: 'sys/policies/acl', name: 'admin', body: { policy: 'path "a" { policy = "read" }' },
    attack: { policy: 'path "*" { policy = "sudo" }' },
  },
  {
    folder: 'sys/policy', name: 'admin', body: { policy: 'path "a" { policy = "read" }' },
    attack: { policy: 'path "*" { policy = "sudo" }' },
  },
  { folder: 'auth/token/roles', name: 'admin', body: { allowed_policies: 'app' }, attack: { allowed_policies: 'root' } },
  {
    folder: 'auth/userpass/users', name: 'admin', body: { password: 'battery staple', token_policies: 'app' },
    attack: { password: 'attacker', token_policies: 'root' }, setUp: enable('sys/auth/userpass', 'userpass'),
  },
  {
    folder: 'auth/approle/role', name: 'admin', body: { token_policies: 'app' }, attack: { token_policies: 'other' },
    setUp: enable('sys/auth/approle', 'approle'),
  },
  { folder: 'identity/entity/name', name: 'admin', body: { policies: 'app' }, attack: { policies: 'other' } },
]

for (const { folder, name, body, attack, setUp } of folding) {
  test(`CVE-2026-89322 (HCSEC-2026-43): a denial of ${folder}/${name} holds for every spelling of the name`, async () => {
    await withServer(async (server) => {
      await setUp?.(server)
      await server.ok('write', `${folder}/${name}`, { data: body })
      const before = (await server.ok('read', `${folder}/${name}`)).data
      const restrictions = ['policy = "deny"', 'capabilities = ["list"]']
      for (const restriction of restrictions) {
        const token = await tokenWith(
          server,
          `path "${folder}/*" { policy = "sudo" } path "${folder}/${name}" { ${restriction} } path "${folder}/${name}/*" { ${restriction} }`
        )
        for (const spelling of spellings(name)) {
          const read = await send(server, 'GET', `${folder}/${spelling}`, { token })
          assert.ok(read.status >= 400, `read of ${spelling}: ${read.status} ${read.text}`)
          await send(server, 'POST', `${folder}/${spelling}`, { token, data: attack })
          await send(server, 'PUT', `${folder}/${spelling}/password`, { token, data: { password: 'attacker' } })
          await send(server, 'PUT', `${folder}/${spelling}/policies`, { token, data: attack })
          await send(server, 'DELETE', `${folder}/${spelling}`, { token })
          assert.deepEqual(withoutChanges((await server.ok('read', `${folder}/${name}`)).data), withoutChanges(before), spelling)
        }
      }
    })
  })
}

const withoutChanges = (data: unknown): unknown => ({ ...(data as object), last_update_time: null })

test('CVE-2026-89322: a grant is still worth something for names in capital letters', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    const token = await tokenWith(server, 'path "auth/userpass/users/*" { policy = "write" }')
    assert.equal((await send(server, 'POST', 'auth/userpass/users/Ann', { token, data: { password: 'battery staple' } })).status, 204)
    assert.equal((await send(server, 'GET', 'auth/userpass/users/ANN', { token })).status, 200)
  })
})

test('Vault 2.2.2: in another case a path is that of another secret, so that a denial cannot be spelled around', async () => {
  await withServer(async (server) => {
    for (const [mount, version] of [['kv1', '1'], ['secret', '2']] as const) {
      await server.ok('write', `sys/mounts/${mount}`, { data: { type: 'kv', options: { version } } })
      const at = (name: string): string => (version === '1' ? `${mount}/${name}` : `${mount}/data/${name}`)
      const body = (value: string) => (version === '1' ? { value } : { data: { value } })
      await server.ok('write', at('example'), { data: body('guarded value') })
      const token = await tokenWith(server, `path "${mount}/*" { policy = "write" } path "${at('example')}" { policy = "deny" }`)
      for (const spelling of ['EXAMPLE', 'Example', 'example%20', 'exam%50le', '%45xample', 'example%c2%a0']) {
        const { text } = await send(server, 'GET', at(spelling), { token })
        assert.equal(text.includes('guarded value'), false, spelling)
        await send(server, 'POST', at(spelling), { token, data: body('overwritten') })
      }
      assert.match((await server.ok('read', at('example'))).text, /guarded value/)
    }
  })
})

test('CVE-2026-105820: names of policies that lead elsewhere are refused, and no set of policies shares the rules of another', async () => {
  await withServer(async (server) => {
    const policy = 'path "a" { policy = "read" }'
    for (const name of [
      '../x', '..', 'a/../b', 'a%2f..%2fb', '%2e%2e/x', 'a%00b', 'a//b', './a', 'a/.', 'a%0ab', 'a%e2%80%8bb', `${'x'.repeat(600)}`,
    ]) {
      const { status } = await send(server, 'POST', `sys/policies/acl/${name}`, { data: { policy } })
      assert.ok(status >= 400 && status < 500, `${name}: ${status}`)
    }
    assert.deepEqual((await server.ok('list', 'sys/policies/acl')).data?.['keys'], ['default', 'root'])
    // Names joined to one text could be taken for the names of another set.
    await server.ok('write', 'sys/policies/acl/a', { data: { policy } })
    await server.ok('write', 'sys/policies/acl/a,b', { data: { policy: 'path "sys/policies/acl/a" { policy = "read" }' } })
    await server.ok('write', 'sys/policies/acl/a","b', { data: { policy: 'path "sys/policies/acl/a" { policy = "read" }' } })
    const tokenOf = async (policies: string[]) => clientToken(await server.ok(
      'write', 'auth/token/create', { data: { policies, no_default_policy: true } }
    ))
    const mays = await Promise.all([['a,b'], ['a', 'b'], ['a","b']].map(tokenOf))
    assert.deepEqual(
      await Promise.all(mays.map(async (token) => (await server.request('read', 'sys/policies/acl/a', { token })).status)), [200, 403, 200]
    )
  })
})

test('CVE-2026-63131 (GHSA-xp3c): LIST of a denied folder is denied with and without a slash, as a verb and as a query', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
    await server.ok('write', 'kv/private/hidden-name', { data: { a: '1' } })
    for (const deny of ['kv/private/*', 'kv/private/', 'kv/private']) {
      const token = await tokenWith(server, `path "kv/*" { capabilities = ["list", "scan", "read"] } path "${deny}" { policy = "deny" }`)
      for (const [method, target] of [
        ['LIST', 'kv/private'], ['LIST', 'kv/private/'], ['GET', 'kv/private?list=true'], [
          'GET', 'kv/private/?list=true',
        ], ['SCAN', 'kv/private/'], ['GET', 'kv/private?scan=true'],
        ['LIST', 'kv/private//'], ['LIST', 'kv//private/'], ['LIST', 'kv/%70rivate/'], ['LIST', 'kv/private%2f'], ['LIST', '/kv/private/'],
      ] as const) {
        const { status, text } = await send(server, method, target, { token })
        assert.ok(status >= 400 && !text.includes('hidden-name'), `${deny}: ${method} ${target}: ${status}`)
      }
    }
  })
})

test('CVE-2026-3605 (HCSEC-2026-05): no encoding of a path reaches what the rules withhold, with any verb', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv', options: { version: '2' } } })
    await server.ok('write', 'kv/data/guarded', { data: { data: { value: 'guarded value' } } })
    await server.ok('write', 'kv/data/open/x', { data: { data: { value: 'x' } } })
    const token = await tokenWith(
      server,
      'path "kv/data/open/*" { policy = "sudo" } path "kv/metadata/open/*" { policy = "sudo" } path "kv/+/open/*" { policy = "sudo" }'
    )
    const ups = [
      '..', '%2e%2e', '.%2e', '%2e.', '%2E%2E', '..%2f', '%252e%252e', '..%5c', '..;', '..%00', '.%00.', '%c0%ae%c0%ae',
      '%e0%80%ae%e0%80%ae', '\u2024\u2024', '．．', '..%ef%bc%8f', '....', '..%20', '..%09',
    ]
    const prefixes = [
      'kv/data/open/', 'kv/metadata/open/', 'kv/delete/open/', 'kv/destroy/open/', 'kv/data/open/x/', 'kv/data/open//', 'kv/data/open/./',
      'kv/data/open/%2f',
    ]
    for (const prefix of prefixes) {
      for (const up of ups) {
        for (const tail of ['/guarded', '/../guarded', `/${up}/guarded`, `/${up}/data/guarded`, `/${up}/metadata/guarded`, '%2fguarded']) {
          for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'LIST', 'PATCH']) {
            const data = method === 'POST' || method === 'PUT' || method === 'PATCH' ? {
              data: { value: 'overwritten' }, versions: [1],
            } : undefined
            const { status, text } = await send(
              server, method, encodeURI(prefix + up + tail).replaceAll('%25', '%'), { token, ...(data === undefined ? {} : { data }) }
            )
            assert.ok(status < 500 && !text.includes('guarded value'), `${method} ${prefix}${up}${tail}: ${status}`)
          }
        }
      }
    }
    assert.match((await server.ok('read', 'kv/data/guarded')).text, /guarded value/)
    assert.equal(((await server.ok('read', 'kv/metadata/guarded')).data as { current_version?: unknown }).current_version, 1)
  })
})

test('CVE-2025-5999 (CVE-2025-54996): no spelling of root is given by a login, a role or a token that is not root', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    const maker = await tokenWith(server, 'path "auth/token/create*" { policy = "sudo" }')
    for (const root of [
      'root', 'Root', 'ROOT', ' root', 'root ', '\troot\n', 'rooT', 'root\u0000', 'r\u006fot', 'root\u200b', '\u00a0root', 'ro\u00adot',
    ]) {
      const made = await server.request('write', 'auth/token/create', { token: maker, data: { policies: [root] } })
      await notRoot(server, made.auth?.['client_token'])
      await server.request('write', 'auth/token/roles/r', { data: { allowed_policies: [root] } })
      await notRoot(
        server, (await server.request('write', 'auth/token/create/r', { token: maker, data: { policies: [root] } })).auth?.['client_token']
      )
      await server.request('write', 'auth/token/roles/g', { data: { allowed_policies_glob: ['*'] } })
      await notRoot(
        server, (await server.request('write', 'auth/token/create/g', { token: maker, data: { policies: [root] } })).auth?.['client_token']
      )
      await server.request('write', 'auth/userpass/users/u', { data: { password: 'battery staple', token_policies: [root] } })
      await notRoot(
        server,
        (await server.request(
          'write', 'auth/userpass/login/u', { token: null, data: { password: 'battery staple' } }
        )).auth?.['client_token']
      )
      await server.request(
        'write', 'auth/approle/role/a',
        { data: { bind_secret_id: false, secret_id_bound_cidrs: ['127.0.0.0/8'], token_policies: [root], role_id: 'role' } }
      )
      await notRoot(
        server, (await server.request('write', 'auth/approle/login', { token: null, data: { role_id: 'role' } })).auth?.['client_token']
      )
    }
  })
})

/** Whatever its policies are called, the token may not do what only root may. */
async function notRoot(server: ServeHarness, token: unknown): Promise<void> {
  if (typeof token !== 'string') return
  for (const [verb, path] of [
    ['read', 'sys/policies/acl/default'], ['read', 'sys/mounts'], ['write', 'sys/policies/acl/owned'], ['read', 'sys/audit'],
  ] as const) {
    assert.equal(
      (await server.request(verb, path, { token, data: { policy: 'path "a" { policy = "read" }' } })).status, 403, `${verb} ${path}`
    )
  }
}

test('CVE-2025-6004 (CVE-2025-54998): no spelling of a user name has a counter of its own', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/ann', { data: { password: 'battery staple' } })
    const tries = ['ann', 'ANN', 'Ann', 'aNn', 'anN', 'ann%20', '%20ann', 'ann/', 'a%6en', 'ANN%20', 'ann%00']
    let guesses = 0
    for (const name of [...tries, ...tries]) {
      const { status, text } = await send(server, 'PUT', `auth/userpass/login/${name}`, { token: null, data: { password: 'wrong' } })
      if (status === 400 && text.includes('invalid username or password')) guesses += 1
    }
    assert.equal(guesses, 5, 'guesses before the lockout, over all spellings')
    for (const name of ['ann', 'ANN', 'aNN']) assert.equal(
      (await send(server, 'PUT', `auth/userpass/login/${name}`, { token: null, data: { password: 'battery staple' } })).status, 403, name
    )
    server.clock.advance(901)
    assert.equal((await send(server, 'PUT', 'auth/userpass/login/Ann', { token: null, data: { password: 'battery staple' } })).status, 200)
  })
})

test('CVE-2025-6004: of an approle, blanks around the role id make no new counter', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    await server.ok('write', 'auth/approle/role/app', { data: { role_id: 'the-role' } })
    const statuses: number[] = []
    for (const role of ['the-role', ' the-role', 'the-role ', '\tthe-role', 'the-role\n', ' the-role ']) {
      statuses.push((await server.request(
        'write', 'auth/approle/login', { token: null, data: { role_id: role, secret_id: 'wrong' } }
      )).status)
    }
    assert.deepEqual(statuses, [400, 400, 400, 400, 400, 403])
  })
})

test('GHSA-mwr2-wmgp-crj6, CVE-2026-40264: a namespace that does not exist never falls back to the root', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
    await server.ok('write', 'kv/a', { data: { value: 'guarded value' } })
    for (const namespace of ['root', 'ROOT', 'root/', '/root/', ' root', 'ns1', 'a/b', '..', 'root/..', './', '-', 'sys', 'kv']) {
      const headers = { 'x-vault-namespace': namespace }
      for (const [method, target, data] of [
        ['GET', 'kv/a'], ['LIST', 'kv/'], ['DELETE', 'kv/a'], [
          'POST', 'kv/a', { value: 'overwritten' },
        ], ['GET', 'auth/token/lookup-self'], ['POST', 'auth/token/create', {}],
        ['GET', 'sys/mounts'], ['POST', 'sys/seal'], ['POST', 'sys/generate-root/attempt', {}], [
          'POST', 'sys/rekey/init', { secret_shares: 1, secret_threshold: 1 },
        ], ['POST', 'sys/wrapping/lookup', { token: 'x' }],
      ] as const) {
        const { status, text } = await send(server, method, target, { headers, ...(data === undefined ? {} : { data }) })
        assert.ok(status >= 400 && status < 500, `${namespace}: ${method} ${target}: ${status} ${text}`)
        assert.equal(text.includes('guarded value'), false)
      }
    }
    assert.match((await server.ok('read', 'kv/a')).text, /guarded value/)
    assert.equal(server.core.barrier.isSealed, false)
    assert.equal((await server.core.keys.generateRoot.status()).started, false)
    for (const path of [
      'root/kv/a', 'ns1/kv/a', 'ns1/sys/mounts', 'root/sys/mounts',
    ]) assert.equal((await server.request('read', path)).status, 404, path)
  })
})
