/**
 * Promise 4: nothing secret leaves, and nothing is changed, without a line in the audit log. Whatever the devices fail by, every operation
 * is refused then.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkServer } from '../request/testing/checked-server.ts'
import { serveHarness, type ServeHarness } from '../request/testing/serve-harness.ts'
import type { WireVerb } from '../request/wire.ts'
import { lessor, type Lessor } from './testing/lessor.ts'
import { clientToken } from './testing/wire.ts'

interface Subject {
  readonly server: ServeHarness
  readonly outside: Lessor
  readonly folder: string
}

async function withSubject(work: (subject: Subject) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-audit-'))
  const outside = lessor()
  const server = await serveHarness({ engines: [outside.engine], settings: { auditOverApi: true, rawStorageEndpoint: true } })
  try {
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv', options: { version: '2' } } })
    await server.ok('write', 'sys/mounts/kv1', { data: { type: 'kv' } })
    await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
    await server.ok('write', 'kv/data/name', { data: { data: { value: 'guarded value' } } })
    await server.ok('write', 'kv1/name', { data: { value: 'guarded value' } })
    await server.ok('write', 'cubbyhole/name', { data: { value: 'guarded value' } })
    for (const type of ['userpass', 'approle']) await server.ok('write', `sys/auth/${type}`, { data: { type } })
    await server.ok('write', 'auth/userpass/users/name', { data: { password: 'battery staple' } })
    await server.ok('write', 'auth/approle/role/name', { data: { role_id: 'role' } })
    await work({ server, outside, folder })
  } finally {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A file takes the place of the folder: nothing can be opened or made in it. */
async function breakFolder({ server, folder }: Subject): Promise<void> {
  await rename(folder, `${folder}-moved`)
  await writeFile(folder, '')
  await server.core.audit.reopen()
}

async function mendFolder({ server, folder }: Subject): Promise<void> {
  await rm(folder)
  await rename(`${folder}-moved`, folder)
  await server.core.audit.reopen()
}

/** Ways in which the only device fails from some moment on. Each resolves with what mends it. */
const failures: Readonly<Record<string, (subject: Subject) => Promise<() => Promise<void>>>> = {
  async 'the disk is full'({ server }) {
    await server.request('write', 'sys/audit/full', { data: { type: 'file', options: { file_path: '/dev/full', skip_test: 'true' } } })
    return async () => undefined
  },
  async 'the folder of the file is gone'(subject) {
    await subject.server.ok(
      'write', 'sys/audit/file', { data: { type: 'file', options: { file_path: join(subject.folder, 'audit.log') } } }
    )
    await breakFolder(subject)
    return () => mendFolder(subject)
  },
  async 'nobody listens at the other end of the socket'({ server }) {
    const listener = createServer((socket) => void socket.on('error', () => undefined).resume())
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as AddressInfo
    const connections = new Set<{ destroy: () => void }>()
    listener.on('connection', (socket) => connections.add(socket))
    await server.ok(
      'write', 'sys/audit/socket',
      { data: { type: 'socket', options: { address: `127.0.0.1:${port}`, socket_type: 'tcp', write_timeout: '200ms' } } }
    )
    await new Promise<void>((resolve) => {
      listener.close(() => resolve())
      for (const socket of connections) socket.destroy()
    })
    await server.core.audit.reopen().catch(() => undefined)
    return async () => undefined
  },
  async 'the reader of the pipe hangs'({ server, folder }) {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const reader = await open(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    await server.ok('write', 'sys/audit/pipe', { data: { type: 'file', options: { file_path: pipe, mode: '0000', write_timeout: '100ms' } } })
    // Until the pipe is full. What is answered meanwhile is in it.
    for (let i = 0; (await server.request('write', 'kv/data/filling', { data: { data: { ballast: 'x'.repeat(20_000) } } })).status === 200; i++) assert.ok(i < 1_000)
    return () => reader.close()
  },
}

/** Those that stand outside of the audited path because they say how the server is, and nothing else. */
const openPaths = new Set([
  'health', 'seal-status', 'leader', 'init', 'rekey/init', 'rekey/verify', 'rekey-recovery-key/init', 'rekey-recovery-key/verify',
  'generate-root/attempt', 'generate-root',
])

for (const [name, fail] of Object.entries(failures)) {
  test(`while ${name}, every operation is refused: nothing leaves, nothing is changed`, async () => {
    await withSubject(async (subject) => {
      const { server, outside } = subject
      const mend = await fail(subject)
      const before = await server.store.lastCommit()
      let count = 0
      for (const mount of await server.core.mounts.list()) {
        for (const operation of mount.registered?.engine.operations ?? []) {
          if (operation.path === 'seal' || (operation.lifecycle && operation.verb === 'read' && openPaths.has(operation.path))) continue
          const path = mount.record.path + operation.path.replaceAll(/\{\w+\*?\}/g, 'name')
          const data = {
            password: 'battery staple', role_id: 'role', data: { value: 'overwritten' }, value: 'overwritten', type: 'kv',
            policy: 'path "a" { policy = "read" }', paths: 'a', key: 'ab'.repeat(33), nonce: 'x',
          }
          for (const headers of count % 5 === 0 ? [{}, { 'x-vault-wrap-ttl': '1h' }] : [{}]) {
            const { status, text } = await server.request(operation.verb as WireVerb, path, { data, headers })
            const isRefused = operation.lifecycle ? status >= 400 : status === 500
            assert.ok(isRefused && !text.includes('guarded value') && text.length < 300, `${operation.verb} ${path}: ${status} ${text}`)
            count += 1
          }
        }
      }
      assert.ok(count > 250, `${count} operations`)
      for (const token of ['hvs.nobody', null]) assert.equal((await server.request('read', 'kv/data/name', { token })).status, 500)
      assert.equal(await server.store.lastCommit(), before, 'nothing was committed')
      assert.deepEqual(
        [outside.valid.size, (await server.core.keys.generateRoot.status()).started, (await server.core.keys.rekey.status()).started],
        [0, false, false]
      )
      await mend()
    })
  })
}

test('sealing works while no audit device does: the way out is never barred', async () => {
  await withSubject(async (subject) => {
    const { server } = subject
    await failures['the disk is full']?.(subject)
    assert.equal((await server.request('write', 'sys/seal')).status, 204)
    assert.equal(server.core.barrier.isSealed, true)
    assert.ok(server.logged.some((line) => line.includes('no audit device could record')))
  })
})

test('when the line of the answer cannot be written, the answer does not leave, though the work is done', async () => {
  await withSubject(async (subject) => {
    const { server, outside, folder } = subject
    const file = join(folder, 'audit.log')
    await server.ok('write', 'sys/audit/file', { data: { type: 'file', options: { file_path: file } } })
    outside.whileMaking = () => breakFolder(subject)
    const { status, text } = await server.request('read', 'db/slow')
    await mendFolder(subject)
    outside.whileMaking = async () => undefined
    assert.deepEqual([status, text], [500, '{"errors":["internal error"]}'])
    assert.ok((await readFile(file, 'utf8')).includes('db/slow'), 'the request is recorded')
    assert.equal((await server.ok('read', 'db/slow')).data?.['value'], 'guarded value')
    await checkServer(server)
  })
})

test('one device that works is enough, and the others are tried again', async () => {
  await withSubject(async ({ server, folder }) => {
    const file = join(folder, 'audit.log')
    await server.ok('write', 'sys/audit/file', { data: { type: 'file', options: { file_path: file } } })
    await server.ok('write', 'sys/audit/full', { data: { type: 'file', options: { file_path: '/dev/full', skip_test: 'true' } } })
    for (let i = 0; i < 20; i++) await server.ok('read', 'kv/data/name')
    assert.equal((await readFile(file, 'utf8')).split('\n').filter((line) => line.includes('"path":"kv/data/name"')).length, 40)
    await checkServer(server)
  })
})

test('a use of a token is spent although its request could not be recorded: a failing device gives nobody more tries', async () => {
  await withSubject(async (subject) => {
    const { server } = subject
    const token = clientToken(await server.ok('write', 'auth/token/create', { data: { num_uses: 3, ttl: '1h', policies: ['root'] } }))
    const mend = await failures['the folder of the file is gone']?.(subject)
    for (let i = 0; i < 2; i++) assert.equal((await server.request('read', 'kv/data/name', { token })).status, 500)
    await mend?.()
    assert.deepEqual(
      [(await server.request('read', 'kv/data/name', { token })).status, (await server.request('read', 'kv/data/name', { token })).status],
      [200, 403]
    )
    await checkServer(server)
  })
})

test('every request has a line and its answer another, with the same id, who it was, and why it was allowed or not', async () => {
  await withSubject(async ({ server, folder }) => {
    const file = join(folder, 'audit.log')
    await server.ok('write', 'sys/audit/file', { data: { type: 'file', options: { file_path: file } } })
    const token = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['default'] } }))
    const asked: readonly (readonly [WireVerb, string, string | null])[] = [
      ['read', 'kv/data/name', server.rootToken], ['read', 'kv/data/name', token], ['read', 'kv/data/name', null],
      ['read', 'kv/data/name', 'hvs.nobody'], ['write', 'auth/userpass/login/name', null],
      ['read', 'kv/data/none', server.rootToken], ['patch', 'sys/mounts', server.rootToken], ['read', 'nowhere', server.rootToken],
      ['write', 'sys/wrapping/unwrap', null], ['help', 'kv/', token], ['head', 'kv/data/name', token],
    ]
    const start = (await readFile(file, 'utf8')).length
    for (const [verb, path, by] of asked) await server.request(verb, path, { token: by, data: { password: 'wrong' } })
    const written = (await readFile(file, 'utf8')).slice(start).split('\n').filter((line) => line.includes('"request":'))
    interface Line {
      readonly type: string
      readonly request: { readonly id: string }
      readonly auth: { readonly policy_results?: { readonly allowed: boolean } }
    }
    const lines = written.map((line) => JSON.parse(line) as Line)
    assert.deepEqual(lines.map(({ type }) => type), asked.flatMap(() => ['request', 'response']))
    for (let i = 0; i < lines.length; i += 2) assert.equal(lines[i]?.request.id, lines[i + 1]?.request.id)
    assert.deepEqual(
      lines.filter(({ type }) => type === 'request').map(({ auth }) => auth.policy_results?.allowed),
      [true, false, false, false, true, true, true, true, true, true, false]
    )
  })
})
