/** Snapshots: consistent, sealed, whole or refused; restored at once and for everybody, or not at all. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { checkState } from '../../core/check/state.ts'
import { opaqueStore } from '../../core/base.ts'
import { stagedPrefix } from '../../core/snapshot-place.ts'
import { takeSnapshot } from '../../core/snapshots.ts'
import { packTar, readTar, type TarFile } from '../../kit/tar.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import { serveHarness, type Served, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { clusterId } from './cluster.ts'

const secret = 'the guarded value'

async function* inChunks(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
async function collected(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const take = async ({ core }: ServeHarness): Promise<Buffer> => collected(takeSnapshot(core, await clusterId(core)))
const restore = (server: ServeHarness, snapshot: Uint8Array, force = false): Promise<Served> =>
  server.request('write', `sys/storage/raft/snapshot${force ? '-force' : ''}`, { upload: inChunks(snapshot) })
const put = (server: ServeHarness, name: string, value: string) => server.ok('write', `kv/data/${name}`, { data: { data: { value } } })
const valueOf = async (server: ServeHarness, name: string): Promise<unknown> => ((await server.request('read', `kv/data/${name}`)).data?.['data'] as { readonly value?: unknown } | null)?.value ?? null

const withKv = (work: (server: ServeHarness) => Promise<void>) => () => withServer(async (server) => {
  await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv', options: { version: '2' } } })
  await put(server, 'name-of-a-secret', secret)
  await work(server)
})

async function partsOf(snapshot: Buffer): Promise<TarFile[]> {
  const files: TarFile[] = []
  for await (const file of readTar(inChunks(gunzipSync(snapshot)), 2 ** 30, (why) => new Error(why))) files.push(file)
  return files
}
const packed = (files: readonly TarFile[]): Buffer => gzipSync(packTar(files, 0))
/** As somebody would who has no key: with hashes that are right. */
function resummed(files: readonly TarFile[]): Buffer {
  const plain = files.filter(({ name }) => !name.startsWith('SHA256SUMS'))
  const list = plain.map(({ name, bytes }) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`).join('')
  return packed([...plain, { name: 'SHA256SUMS', bytes: Buffer.from(list) }, ...files.filter(({ name }) => name === 'SHA256SUMS.sealed')])
}

describe('taking and restoring', () => {
  test('what was there is there again, and what came since is gone, for tokens and mounts as well', withKv(async (server) => {
    const old = String((await server.ok('write', 'auth/token/create', { data: { policies: ['root'], ttl: '1h' } })).auth?.['client_token'])
    const snapshot = await take(server)
    await put(server, 'name-of-a-secret', 'changed')
    await put(server, 'later', 'x')
    await server.ok('write', 'sys/mounts/later', { data: { type: 'kv' } })
    await server.ok('write', 'auth/token/revoke', { data: { token: old } })
    const term = Number((await server.ok('read', 'sys/key-status')).data?.['term'])
    assert.equal((await restore(server, snapshot)).status, 204)
    assert.deepEqual([await valueOf(server, 'name-of-a-secret'), await valueOf(server, 'later'), (await server.request('read', 'later/x')).status], [secret, null, 404])
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token: old })).status, 200)
    assert.equal((await server.ok('read', 'sys/key-status')).data?.['term'], term + 1)
    await put(server, 'goes-on', 'x')
  }))

  test('another process over the same store meets it at its next request, and writes nothing under keys of before', withKv(async (server) => {
    const other = await server.sibling()
    await valueOf(other, 'name-of-a-secret')
    const snapshot = await take(server)
    // Under a term that the snapshot does not know; the other process seals with it from here on.
    await server.ok('write', 'sys/rotate')
    await other.core.barrier.tick()
    await put(other, 'name-of-a-secret', 'changed')
    await restore(server, snapshot)
    await Promise.all([put(other, 'after', 'by the other'), opaqueStore(other.core).commit([], [{ merge: 'generation', by: () => Buffer.from([1]) }])])
    assert.deepEqual([await valueOf(other, 'name-of-a-secret'), await valueOf(server, 'after')], [secret, 'by the other'])
    const third = await server.sibling()
    assert.equal(await valueOf(third, 'after'), 'by the other')
    assert.deepEqual(await checkState(third.core), [])
    for (const each of [other, third]) await each.close()
  }))

  test('a snapshot that is taken amid writes holds one commit: never half of one', withKv(async (server) => {
    let stop = false
    const writer = (async () => {
      for (let i = 0; !stop; i++, await new Promise(setImmediate)) await opaqueStore(server.core).commit([], ['a', 'b'].map((name) => ({ put: `lockout/${name}`, value: Buffer.from(JSON.stringify({ i })) })))
    })()
    const snapshots = [await take(server), await take(server), await take(server)]
    stop = true
    await writer
    for (const snapshot of snapshots) {
      assert.equal((await restore(server, snapshot)).status, 204)
      const [a, b] = await Promise.all(['a', 'b'].map((name) => opaqueStore(server.core).get(`lockout/${name}`)))
      assert.deepEqual(Buffer.from(a?.value ?? []), Buffer.from(b?.value ?? []))
    }
    await opaqueStore(server.core).commit([], ['a', 'b'].map((name) => ({ del: `lockout/${name}` })))
  }))

  test('neither a secret nor the name of one is readable in it', withKv(async (server) => {
    const plain = gunzipSync(await take(server))
    for (const text of [secret, 'name-of-a-secret', server.rootToken]) assert.equal(plain.includes(text), false)
  }))

  test('writes that are under way come before it or after it, or are refused; none is half there', withKv(async (server) => {
    const snapshot = await take(server)
    const answers = await Promise.all([restore(server, snapshot), ...Array.from({ length: 40 }, (_, i) => server.request('write', `kv/data/n${i}`, { data: { data: { value: 'x' } } }))])
    assert.equal(answers[0]?.status, 204)
    for (const { status, text } of answers.slice(1)) assert.ok(status === 200 || status === 404 || status === 403, text)
    await put(server, 'after', 'x')
  }))
})

describe('refusing', () => {
  const unchanged = async (server: ServeHarness, snapshot: Uint8Array, text: RegExp, force = false): Promise<void> => {
    const before = await server.core.snapshots?.store.lastCommit()
    const answer = await restore(server, snapshot, force)
    assert.equal(answer.status, 400, answer.text)
    assert.match(answer.errors.join(), text)
    assert.equal(await server.core.snapshots?.store.lastCommit(), before)
    assert.deepEqual(readdirSync(tmpdir()).filter((name) => name.startsWith(stagedPrefix)), [])
  }

  test('one that was cut off, or goes on after its end, is refused wherever that is', withKv(async (server) => {
    const snapshot = await take(server)
    for (const length of [0, 1, 100, snapshot.length >> 1, snapshot.length - 1]) await unchanged(server, snapshot.subarray(0, length), /no whole snapshot/)
    await unchanged(server, Buffer.concat([snapshot, Buffer.from('more')]), /no whole snapshot/)
    await unchanged(server, Buffer.concat([snapshot, snapshot]), /no whole snapshot: something follows after its end/)
    const plain = gunzipSync(snapshot)
    for (let at = 512; at < plain.length; at += 4_096) await unchanged(server, gzipSync(plain.subarray(0, at)), /no whole snapshot/)
  }))

  test('one in which a byte was changed, a part left out, swapped or added is refused, also where its hashes were put right', withKv(async (server) => {
    const files = await partsOf(await take(server))
    const data = files.findIndex(({ name }) => name === 'data/1')
    for (const [i, { name, bytes }] of files.entries()) {
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] as number) ^ 1
        const forged = files.map((file, j) => (j === i ? { name, bytes: changed } : file))
        await unchanged(server, packed(forged), /snapshot/, at === 0)
        // The list of hashes is what is put right here.
        if (name !== 'SHA256SUMS') await unchanged(server, resummed(forged), /snapshot/, i !== 0)
      }
      await unchanged(server, packed(files.filter((_, j) => j !== i)), /no whole snapshot/, true)
    }
    await unchanged(server, resummed(files.map((file) => (file.name === 'data/1' ? { ...file, bytes: Buffer.alloc(0) } : file))), /does not hold as much as it says/, true)
    await unchanged(server, packed([...files.slice(0, data), { name: 'other', bytes: Buffer.alloc(1) }, ...files.slice(data)]), /"other" does not belong/, true)
    await unchanged(server, Buffer.from('{"a": 1}'), /no whole snapshot/)
  }))

  test('one of another cluster is refused, and restored when forced: then only its keys unseal', withKv(async (server) => {
    const stranger = await serveHarness()
    const snapshot = await take(stranger)
    await unchanged(server, snapshot, /of another cluster \([0-9a-f-]{36}\); snapshot-force restores it/)
    // What was changed is only noticed where the keys are.
    const own = await take(server)
    assert.equal((await restore(server, snapshot, true)).status, 204)
    assert.equal(server.core.barrier.isSealed, true)
    assert.equal((await server.request('read', 'kv/data/name-of-a-secret')).status, 503)
    const rootKey = stranger.core.barrier.exportRootKey()
    await server.core.barrier.unseal(rootKey)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token: stranger.rootToken })).status, 200)
    assert.equal((await server.request('read', 'auth/token/lookup-self')).status, 403)
    // And back, so that the check at the end finds a server with its own token.
    const back = await server.request('write', 'sys/storage/raft/snapshot-force', { upload: inChunks(own), token: stranger.rootToken })
    assert.equal(back.status, 204, back.text)
    const seal = await server.core.barrier.readSeal()
    assert.ok(seal)
    await stranger.close()
    await reopened(server)
  }))

  test('one from before the unseal keys were replaced is refused, unless forced', withKv(async (server) => {
    const snapshot = await take(server)
    const { shamirSeal } = await import('../../barrier/seals/shamir.ts')
    const rootKey = server.core.barrier.exportRootKey()
    await server.core.barrier.rekey({ seal: shamirSeal(Buffer.alloc(32, 1)), config: { shares: 1, threshold: 1 } })
    await unchanged(server, snapshot, /needs the unseal keys of its time/)
    assert.equal((await restore(server, snapshot, true)).status, 204)
    assert.equal(server.core.barrier.isSealed, true)
    await server.core.barrier.unseal(rootKey)
    assert.equal(await valueOf(server, 'name-of-a-secret'), secret)
  }))

  test('one of a later form is refused by name', withKv(async (server) => {
    const files = await partsOf(await take(server))
    const later = files.map(({ name, bytes }) => ({ name, bytes: name === 'manifest.json' ? Buffer.from(Buffer.from(bytes).toString().replace('"format":1', '"format":2')) : bytes }))
    await unchanged(server, resummed(later), /the snapshot is of form 2, but this program knows only 1: it was made by a later version of Coffer/, true)
  }))

  test('only who may sudo takes or restores one, and a JSON body is none', withKv(async (server) => {
    await server.ok('write', 'sys/policies/acl/some', { data: { policy: 'path "sys/storage/*" { capabilities = ["read", "update"] }' } })
    const token = String((await server.ok('write', 'auth/token/create', { data: { policies: ['some'], ttl: '1h' } })).auth?.['client_token'])
    assert.equal((await server.request('read', 'sys/storage/raft/snapshot', { token })).status, 403)
    assert.equal((await server.request('write', 'sys/storage/raft/snapshot', { token, upload: inChunks(Buffer.alloc(9)) })).status, 403)
    assert.equal((await server.request('write', 'sys/storage/raft/snapshot', { data: {} })).status, 400)
  }))

  test('a server tells whether it made a snapshot, by what seals it', withKv(async (server) => {
    const files = new Map((await partsOf(await take(server))).map(({ name, bytes }) => [name, Buffer.from(bytes)]))
    const fingerprint = /"key_fingerprint":"([0-9a-f]+)"/.exec(String(files.get('manifest.json')))?.[1] ?? ''
    const digest = createHash('sha256').update(files.get('SHA256SUMS') as Buffer).digest('hex')
    const verify = async (data: { readonly [name: string]: string }) => ({ ...(await server.ok('write', 'sys/storage/raft/snapshot-verify', { data })).data })
    const seal = String(files.get('SHA256SUMS.sealed'))
    assert.deepEqual(await verify({ digest, seal, key_fingerprint: fingerprint }), { authentic: true, of_this_cluster: true })
    assert.deepEqual(await verify({ digest: '0'.repeat(64), seal, key_fingerprint: fingerprint }), { authentic: false, of_this_cluster: true })
    assert.deepEqual(await verify({ digest, seal, key_fingerprint: 'other' }), { authentic: false, of_this_cluster: false })
    assert.match((await server.request('write', 'sys/storage/raft/snapshot-verify', { data: { digest } })).errors.join(), /'seal' must be 64 hex digits/)
  }))
})

/** A process that follows what the store holds now. */
async function reopened(server: ServeHarness): Promise<void> {
  const again = await server.sibling()
  assert.equal(await valueOf(again, 'name-of-a-secret'), secret)
  const rootKey = again.core.barrier.exportRootKey()
  await server.core.barrier.unseal(rootKey)
  await again.close()
}
