/**
 * Class: a secret, or a credential, comes out where nobody looks for it: in the audit log, in errors, in the server's log, at an engine.
 */
import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Field } from '../kit/fields.ts'
import { withServer } from '../request/testing/checked-server.ts'
import type { WireVerb } from '../request/wire.ts'
import { assertNone, askAtRandom, bodyFor, canaries, everyOperation, mark, mountEverything, placeOf, secretsIn, valueFor, withAudit } from './testing/canaries.ts'
import { counts } from './testing/counts.ts'
import { badAuth, lessor, seenHeaders } from './testing/lessor.ts'
import { clientToken, tokenWith } from './testing/wire.ts'

test('CVE-2025-62513 (CVE-2025-62705): no operation writes a secret that it was sent, or gives, to an audit device', async () => {
  await withAudit(async ({ server, lines }) => {
    await mountEverything(server)
    const sent = canaries()
    const answered: string[] = []
    let count = 0
    for (const style of ['right', 'wrong type', 'wrong shape'] as const) {
      for (const headers of [{}, { 'x-vault-wrap-ttl': '60s' }]) {
        const token = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['root'] } }))
        count += await everyOperation(server, async (mountPath, operation) => {
          const data = bodyFor(operation, style, sent.next)
          answered.push(...secretsIn(await server.request(
            operation.verb as WireVerb, mountPath + placeOf(operation), { token, data, headers }
          )))
        })
      }
    }
    assert.ok(count > 1_000, `${count} operations were asked`)
    assert.ok(sent.count() > 3_000 && answered.length > 20, `${sent.count()} secrets were sent, ${answered.length} were answered`)
    assertNone(Buffer.from(await lines()), [mark, ...answered], 'sent and answered')
    assertNone(Buffer.from(server.logged.join('\n')), [mark, ...answered], 'in the log')
  })
})

test('requests of any operation, in any shape, leave no secret in audit files, the log, errors or figures', async (t) => {
  const { sent, answered } = await askAtRandom(counts.redactedRequests.fast, 1)
  t.diagnostic(`${sent} secrets were sent, ${answered} were answered`)
  assert.ok(sent > 100)
})

test('CVE-2025-4166 (CVE-2025-52893): errors and warnings name fields and never repeat a value that could not be understood', async () => {
  await withServer(async (server) => {
    await mountEverything(server)
    const sent = canaries()
    const telling: string[] = []
    for (const style of ['wrong type', 'wrong shape'] as const) {
      await everyOperation(server, async (mountPath, operation) => {
        const names = new Set(Object.keys(operation.input))
        for (const name of names) {
          const field = operation.input[name] as Field<unknown>
          const answer = await server.request(
            operation.verb as WireVerb, mountPath + placeOf(operation), { data: { [name]: valueFor(name, field, style, sent.next) } }
          )
          const shown = [...answer.errors, ...answer.warnings].join('\n')
          if (shown.includes(mark)) telling.push(`${operation.verb} ${mountPath}${operation.path}: ${name}: ${shown}`)
          if (answer.status === 500) telling.push(`${operation.verb} ${mountPath}${operation.path}: ${name}: 500`)
        }
      })
    }
    assert.deepEqual(telling, [])
    assert.deepEqual(server.logged.filter((line) => line.includes(mark)), [])
  }, { engines: [badAuth, lessor().engine], settings: { rawStorageEndpoint: true } })
})

test('CVE-2024-8365: tokens and accessors are hashed in every audit line, of whomever they are', async () => {
  await withAudit(async ({ server, lines }) => {
    await mountEverything(server)
    const made = await server.ok('write', 'auth/token/create', { data: { policies: ['default'] } })
    const [token, accessor] = [clientToken(made), String(made.auth?.['accessor'])]
    const login = await server.ok('write', 'auth/userpass/login/name', { token: null, data: { password: 'battery staple' } })
    const wrapped = await server.ok('read', 'sys/policies/acl/default', { headers: { 'x-vault-wrap-ttl': '60s' } })
    const rewrapped = await server.ok('write', 'sys/wrapping/rewrap', { data: { token: String(wrapped.wrapInfo?.['token']) } })
    const jwt = await server.ok(
      'read', 'sys/policies/acl/default', { headers: { 'x-vault-wrap-ttl': '60s', 'x-vault-wrap-format': 'jwt' } }
    )
    const loginWrapped = await server.ok(
      'write', 'auth/userpass/login/name', { token: null, data: { password: 'battery staple' }, headers: { 'x-vault-wrap-ttl': '60s' } }
    )
    const unwrapped = await server.ok('write', 'sys/wrapping/unwrap', { data: { token: String(loginWrapped.wrapInfo?.['token']) } })
    for (const [path, data] of [
      ['auth/token/lookup', { token }], [
        'auth/token/lookup-accessor', { accessor },
      ], ['auth/token/renew', { token }], ['auth/token/renew-accessor', { accessor }], ['sys/capabilities', { token, paths: 'a' }],
      ['sys/capabilities-accessor', { accessor, paths: 'a' }], [
        'sys/wrapping/lookup', { token: String(rewrapped.wrapInfo?.['token']) },
      ], ['sys/wrapping/unwrap', { token: String(rewrapped.wrapInfo?.['token']) }],
      ['auth/token/revoke-accessor', { accessor }],
    ] as const) await server.ok('write', path, { data })
    await server.request('list', 'auth/token/accessors')
    const strangers = ['hvs.StrangerStrangerStranger', 'not-even-a-token-of-ours', 'hvb.AAAAAAAAAAAAAAAAAAAAAAAA']
    for (const stranger of strangers) {
      await server.request('read', 'sys/mounts', { token: stranger })
      await server.request('write', 'auth/token/lookup', { data: { token: stranger } })
    }
    const secrets = [made, login, wrapped, rewrapped, jwt, loginWrapped, unwrapped].flatMap(secretsIn)
    assert.ok(secrets.length >= 12)
    assertNone(Buffer.from(await lines()), [...secrets, ...strangers, server.rootToken, 'battery staple'], 'tokens and accessors')
  })
})

test('CVE-2024-8365, GO-2026-5199: a header that carries a token is hashed whatever the configuration says', async () => {
  await withAudit(async ({ server, lines }) => {
    for (const name of ['x-vault-token', 'authorization', 'cookie', 'x-request-id']) await server.ok(
      'write', `sys/config/auditing/request-headers/${name}`, { data: { hmac: false } }
    )
    const headers = {
      'x-vault-token': server.rootToken, authorization: `Bearer ${server.rootToken}`, cookie: 'session=SecretCookie',
      'x-request-id': 'visible-request-id', 'x-other': 'never-configured',
    }
    await server.ok('read', 'sys/mounts', { headers })
    const written = await lines()
    assert.ok(written.includes('visible-request-id'))
    assertNone(Buffer.from(written), [server.rootToken, 'SecretCookie', 'never-configured'], 'headers')
  })
})

test('GO-2026-5199: the token of a request never reaches an engine or auth method through its headers', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/bad', { data: { type: 'bad-auth' } })
    const headers = {
      'x-vault-token': server.rootToken, authorization: `Bearer ${server.rootToken}`, cookie: 'a=b', 'proxy-authorization': 'Basic x',
      'x-vault-namespace': '', 'x-vault-wrap-ttl': '', 'x-coffer-internal': '1',
      accept: 'text/plain', 'x-custom': 'value', 'x-copy': `${server.rootToken}`,
    }
    const login = async (): Promise<Readonly<Record<string, unknown>>> => {
      await server.ok('write', 'auth/bad/login', { headers })
      return { ...seenHeaders.last }
    }
    assert.deepEqual(await login(), {})
    await server.ok(
      'write', 'sys/auth/bad/tune', { data: { passthrough_request_headers: ['X-Custom', 'Accept', ...Object.keys(headers)] } }
    )
    assert.deepEqual(await login(), { accept: 'text/plain', 'x-custom': 'value' })
  }, { engines: [badAuth] })
})

test('CVE-2026-46358: configured headers are in the lines of every request, of logins and of refused ones too', async () => {
  await withAudit(async ({ server, lines }) => {
    await mountEverything(server)
    await server.ok('write', 'sys/config/auditing/request-headers/x-correlation-id', { data: { hmac: false } })
    const asked: readonly (readonly [WireVerb, string, string | null])[] = [
      ['read', 'sys/mounts', server.rootToken], ['read', 'sys/mounts', 'hvs.nobody'], ['read', 'sys/mounts', null],
      ['write', 'auth/userpass/login/name', null], ['read', 'nowhere/x', server.rootToken],
    ]
    for (const [index, [verb, path, token]] of asked.entries()) await server.request(
      verb, path, { token, data: { password: 'wrong' }, headers: { 'x-correlation-id': `correlation-${index}-` } }
    )
    const written = await lines()
    for (const index of asked.keys()) assert.equal(
      written.split(`correlation-${index}-`).length - 1, 4, `request ${index}: two lines at each of two devices`
    )
  })
})

test('CVE-2025-6000 (CVE-2025-54997), CVE-2026-105816: an audit device writes audit logs only, executable by nobody', async () => {
  await withAudit(async ({ server, folder, lines }) => {
    const script = join(folder, 'script.sh')
    await writeFile(script, '#!/bin/sh\necho hello\n', { mode: 0o755 })
    const refused: readonly Readonly<Record<string, string>>[] = [
      { file_path: script }, { file_path: join(folder, 'a.log'), mode: '0755' }, { file_path: join(folder, 'a.log'), mode: '4644' }, {
        file_path: join(folder, 'a.log'), prefix: '#!/bin/sh\nrm -rf /\n',
      },
      {
        file_path: join(folder, 'a.log'), prefix: 'a b',
      }, { file_path: '/proc/self/mem' }, { file_path: '/dev/sda' }, { file_path: folder },
    ]
    for (const options of refused) assert.equal(
      (await server.request('write', 'sys/audit/evil', { data: { type: 'file', options } })).status, 400, JSON.stringify(options)
    )
    assert.equal(await readFile(script, 'utf8'), '#!/bin/sh\necho hello\n')
    assert.equal((await stat(join(folder, 'plain.log'))).mode & 0o777, 0o600)
    assert.ok((await lines()).split('\n').every((line) => line === '' || line.startsWith('{')))
  })
  await withServer(async (server) => {
    const answer = await server.request(
      'write', 'sys/audit/file', { data: { type: 'file', options: { file_path: join(tmpdir(), 'never-made.log') } } }
    )
    assert.equal(answer.status, 400, 'unless the configuration says otherwise, no device is made over the API')
  })
})

test('CVE-2026-105816, CVE-2026-39396: nothing that is stored names a program to run or a file to load', async () => {
  await withServer(async (server) => {
    for (const data of [
      { sha256: 'a'.repeat(64), command: '/bin/sh', args: ['-c', 'id'] }, { sha_256: 'a'.repeat(64), command: '../../bin/sh' },
      { oci_image: 'evil', sha256: 'a'.repeat(64), command: 'x' },
    ]) {
      assert.equal((await server.request('write', 'sys/plugins/catalog/secret/evil', { data })).status, 400)
    }
    assert.equal((await server.request('read', 'sys/plugins/catalog/secret/evil')).status, 404)
    for (const type of ['evil', 'plugin', '/bin/sh', '../evil', 'kv/../../evil']) assert.equal(
      (await server.request('write', 'sys/mounts/evil', { data: { type, plugin_name: '/bin/sh' } })).status, 400, type
    )
    assert.equal((await server.request('read', 'sys/raw/core/plugin-catalog')).status, 404, 'the raw records are off')
  })
})

test('CVE-2024-0831: a mount may be tuned to write fields plainly, and only those, and never a token', async () => {
  await withAudit(async ({ server, lines }) => {
    await mountEverything(server)
    await server.ok(
      'write', 'sys/mounts/kv1/tune',
      { data: { audit_non_hmac_request_keys: ['shown', 'client_token'], audit_non_hmac_response_keys: ['shown'] } }
    )
    const token = await tokenWith(server, 'path "kv1/*" { policy = "write" }')
    await server.ok('write', 'kv1/a', { token, data: { shown: 'plainly-visible', hidden: 'never-visible' } })
    await server.ok('read', 'kv1/a', { token })
    const written = await lines()
    assert.ok(written.includes('plainly-visible'))
    assertNone(Buffer.from(written), ['never-visible', token], 'hidden')
  })
})
