import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { storeContract } from './contract.ts'
import { bytes, increment, readText, textOf } from './contract-parts.ts'
import { findNetworkFileSystem } from './folder.ts'
import { type LmdbOptions, type LmdbStore, openLmdbStore } from './lmdb.ts'
import { openEnvironment } from './lmdb-binding.ts'
import { counterKey, writeCounter } from './lmdb-log.ts'

storeContract('LMDB store', async (settings) => {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-lmdb-'))
  let store = await openLmdbStore({ folder, ...settings })
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await openLmdbStore({ folder, ...settings })
      return store
    },
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}, { whole: true })

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-lmdb-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const withStore = (body: (store: LmdbStore, folder: string) => Promise<void>, options: Partial<LmdbOptions> = {}): Promise<void> =>
  withFolder(async (folder) => {
    const store = await openLmdbStore({ folder, ...options })
    try {
      await body(store, folder)
    } finally {
      await store.close()
    }
  })

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

test('the folder is made for its owner alone, and so are the files', () => withFolder(async (parent) => {
  // The dot matters: the binding takes a path with an extension for a file unless told otherwise.
  const folder = join(parent, 'deep', 'coffer.d')
  const store = await openLmdbStore({ folder })
  await store.commit([], [{ put: 'a', value: bytes('1') }])
  assert.equal(await modeOf(folder), 0o700)
  for (const file of ['data.mdb', 'lock.mdb']) assert.equal(await modeOf(join(folder, file)), 0o600)
  await store.close()
  await chmod(folder, 0o755)
  await (await openLmdbStore({ folder })).close()
  assert.equal(await modeOf(folder), 0o700)
}))

test('a folder that cannot be used is refused with its name and the reason', () => withFolder(async (parent) => {
  const file = join(parent, 'file')
  await writeFile(file, 'x')
  await assert.rejects(openLmdbStore({ folder: file }), { code: 'internal', message: `the storage folder "${file}" is not a directory` })
  await assert.rejects(openLmdbStore({ folder: join(file, 'below') }), { code: 'internal', message: /is not a directory/ })
  await mkdir(join(parent, 'foreign'))
  await writeFile(join(parent, 'foreign', 'data.mdb'), Buffer.alloc(100_000, 'no database '))
  await assert.rejects(openLmdbStore({ folder: join(parent, 'foreign') }), { code: 'internal', message: /"data.mdb" that is no store/ })
}))

test('a folder that this user may not read is refused', () => withFolder(async (parent) => {
  const folder = join(parent, 'closed')
  await mkdir(folder, { mode: 0o000 })
  await chmod(parent, 0o755)
  // In a process of its own: root may read everything, and access(2) asks for the real user. That one may be unable to read the program.
  const script = `import { openLmdbStore } from ${JSON.stringify(new URL('lmdb.js', import.meta.url).href)}
    if (process.getuid?.() === 0) process.setuid(65534)
    await openLmdbStore({ folder: ${JSON.stringify(folder)} }).then(() => console.log('opened'), (error) => console.log(error.code, error.message))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  assert.match(stdout, /^internal .*cannot be read and written by this user/)
}))

test('network file systems are known by their numbers', () => {
  assert.equal(findNetworkFileSystem(0x6969), 'NFS')
  assert.equal(findNetworkFileSystem(0xff534d42 | 0), 'CIFS')
  assert.equal(findNetworkFileSystem(0xef53), null)
})

test('a store of a later format is refused and left as it is', () => withFolder(async (folder) => {
  const environment = openEnvironment({ folder, mapSizeBytes: 2 ** 20 })
  await environment.transaction(() => writeCounter(environment, { format: 2, last: 7, floor: 0 }))
  await environment.close()
  await assert.rejects(openLmdbStore({ folder }), { code: 'internal', message: /format 2, but this program knows only 1/ })
}))

test('the same version read twice is the same array, until it is written again', () => withStore(async (store) => {
  await store.commit([], [{ put: 'a', value: bytes('1') }])
  const first = await store.get('a')
  assert.equal((await store.get('a'))?.value, first?.value)
  await store.commit([], [{ put: 'a', value: bytes('1') }])
  assert.notEqual((await store.get('a'))?.value, first?.value)
}))

test('a small cache forgets but never lies', () => withStore(async (store) => {
  const keys = Array.from({ length: 300 }, (_, index) => `k${index}`)
  for (let round = 0; round < 3; round += 1) {
    await store.commit([], keys.map((key) => ({ put: key, value: bytes(`${key} ${round}`) })))
    for (const key of [...keys, ...keys]) assert.equal(await readText(store, key), `${key} ${round}`)
  }
}, { cacheBytes: 10_000 }))

test('a backup is a store of its own, taken while commits go on', () => withStore(async (store, folder) => {
  await store.commit([], Array.from({ length: 500 }, (_, index) => ({ put: `k/${index}`, value: bytes(`value ${index}`) })))
  const target = join(folder, 'backups', 'one')
  const both = [{ merge: 'count', by: increment }, { merge: 'twin', by: increment }]
  const commits = Promise.all(Array.from({ length: 50 }, () => store.commit([], both)))
  await store.backup(target)
  await commits
  assert.equal(await modeOf(join(target, 'data.mdb')), 0o600)
  const copy = await openLmdbStore({ folder: target })
  assert.equal((await copy.list('k/')).length, 500)
  assert.equal(await readText(copy, 'k/499'), 'value 499')
  assert.equal(await readText(copy, 'count'), await readText(copy, 'twin'))
  const last = await copy.lastCommit()
  assert.ok((await copy.commit([], [{ put: 'more', value: bytes('1') }])) > last)
  await copy.close()
  await assert.rejects(store.backup(target), { code: 'internal', message: /the backup to .* failed/ })
}))

test('on a full disk only deletions are accepted', () => withFolder(async (folder) => {
  const roomy = await openLmdbStore({ folder })
  await roomy.commit([], [{ put: 'a', value: bytes('1') }])
  await roomy.close()
  const store = await openLmdbStore({ folder, diskReserveBytes: Number.MAX_SAFE_INTEGER })
  const full = { code: 'overloaded', message: 'the disk that holds the storage is full' }
  await assert.rejects(store.commit([], [{ put: 'b', value: bytes('1') }]), full)
  await assert.rejects(store.commit([], [{ del: 'a' }, { merge: 'b', by: increment }]), full)
  await store.commit([], [{ del: 'a' }])
  assert.deepEqual([await store.get('a'), await store.get('b')], [null, null])
  await store.close()
}))

test('more commits than may wait are refused as overloaded, and those that wait are served', () => withStore(async (store) => {
  const attempts = Array.from({ length: 30 }, () => store.commit([], [{ merge: 'count', by: increment }]))
  const outcomes = await Promise.allSettled(attempts)
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10)
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'overloaded')
  assert.equal(await readText(store, 'count'), '10')
}, { queueCountMax: 10 }))

test('commits that run at once share transactions', () => withStore(async (store) => {
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(Array.from({ length: 100 }, (_, index) => store.commit([], [{ put: `k/${index}`, value: bytes('1') }])))
  }
  const { transactions, commits, lastCommit } = await store.stats()
  assert.deepEqual([commits, lastCommit], [500, 500])
  assert.ok(transactions <= 10, `${transactions} transactions for 500 commits`)
}))

test('the statistics name the processes and the size', () => withStore(async (store) => {
  await store.commit([], [{ put: 'a', value: bytes('1') }])
  await store.get('a')
  const stats = await store.stats()
  assert.deepEqual([stats.processIds, stats.refusal, stats.waiting, stats.rememberedFrom], [[process.pid], null, 0, 0])
  assert.ok(stats.fileBytes >= 4_096 && stats.entryCount >= 1)
  assert.equal(store.freeDeadReaders(), 0)
}))

test('the log of changes stays as short as it was told', () => withStore(async (store) => {
  for (let round = 0; round < 40; round += 1) {
    await Promise.all(Array.from({ length: 25 }, (_, index) => store.commit([], [{ put: `k/${index}`, value: bytes('1') }])))
  }
  const { rememberedFrom, lastCommit, entryCount } = await store.stats()
  assert.ok(lastCommit - rememberedFrom <= 200, `remembers ${lastCommit - rememberedFrom} commits`)
  assert.ok(entryCount < 150)
}, { rememberedCommits: 100 }))

test('a closed store refuses everything, and closing twice is harmless', () => withFolder(async (folder) => {
  const store = await openLmdbStore({ folder })
  const last = store.commit([], [{ put: 'a', value: bytes('1') }])
  const ended = (async () => {
    for await (const _ of store.watch('', 99, new AbortController().signal)) assert.fail('nothing was to come')
  })()
  await store.close()
  assert.equal(await last, 1)
  await ended
  await assert.rejects(store.get('a'), { code: 'internal' })
  await assert.rejects(store.list(''), { code: 'internal' })
  await assert.rejects(store.commit([], [{ put: 'a', value: bytes('1') }]), { code: 'internal' })
  await assert.rejects(store.lastCommit(), { code: 'internal' })
  await store.close()
  const again = await openLmdbStore({ folder })
  assert.equal(await readText(again, 'a'), '1')
  await again.close()
}))

test('two stores of one process on one folder see each other at once', () => withStore(async (one, folder) => {
  const other = await openLmdbStore({ folder, pollMs: 60_000 })
  for (let round = 0; round < 20; round += 1) {
    await one.commit([], [{ put: 'a', value: bytes(`one ${round}`) }])
    assert.equal(await readText(other, 'a'), `one ${round}`)
    await other.commit([], [{ put: 'a', value: bytes(`other ${round}`) }])
    assert.equal(await readText(one, 'a'), `other ${round}`)
  }
  const control = new AbortController()
  const watching = (async () => {
    for await (const change of other.watch('b', await other.lastCommit(), control.signal)) return change.key
    return null
  })()
  await new Promise((resolve) => setImmediate(resolve))
  await one.commit([], [{ put: 'b', value: bytes('1') }])
  other.wakeWatches()
  assert.equal(await watching, 'b')
  await other.close()
}))

const moduleUrl = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href)

test('after a commit that failed nothing more is written, and what was acknowledged is there', () => withFolder(async (folder) => {
  // The limit on the size of files makes a write of the commit fail, in a process of its own.
  const script = `
    import { openLmdbStore } from ${moduleUrl('./lmdb.js')}
    let stopped = 0
    const store = await openLmdbStore({ folder: process.argv[1], onStop: () => { stopped += 1 } })
    let acknowledged = 0
    let refusal
    while (refusal === undefined && acknowledged < 10000) {
      const last = { put: 'last', value: Buffer.from(String(acknowledged)) }
      const writes = [{ put: 'k/' + acknowledged, value: Buffer.alloc(20000, 1) }, last]
      await store.commit([], writes).then(() => { acknowledged += 1 }, (error) => { refusal = error.code + ': ' + error.message })
    }
    const second = await store.commit([], [{ del: 'last' }]).then(() => 'written', (error) => error.code)
    const read = Buffer.from((await store.get('last')).value).toString()
    const { refusal: detail } = await store.stats()
    await store.close()
    console.log(JSON.stringify({ acknowledged, refusal, second, read, stopped, detail }))`
  const command = 'ulimit -f 4000 && exec "$0" --input-type=module -e "$1" "$2"'
  const { stdout } = spawnSync('sh', ['-c', command, process.execPath, script, folder], { encoding: 'utf8', timeout: 30_000 })
  const { acknowledged, refusal, second, read, stopped, detail } = JSON.parse(stdout) as Record<string, string | number>
  assert.ok(Number(acknowledged) > 10)
  assert.match(String(refusal), /^internal: the storage refuses writes since a commit failed/)
  assert.match(String(detail), /Input\/output error|File too large/)
  assert.deepEqual([second, read, stopped], ['internal', String(Number(acknowledged) - 1), 1])
  const store = await openLmdbStore({ folder })
  assert.equal((await store.list('k/')).length, acknowledged)
  assert.equal(await readText(store, 'last'), read)
  await store.commit([], [{ put: 'after', value: bytes('1') }])
  await store.close()
}))

test('a commit that does not end in time stops the store, and closing it does not hang', () => withFolder(async (folder) => {
  const script = `
    import { openEnvironment } from ${moduleUrl('./lmdb-binding.js')}
    const environment = openEnvironment({ folder: process.argv[1], mapSizeBytes: 2 ** 30 })
    environment.transactionSync(() => {
      process.stdout.write('locked')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
    })`
  const store = await openLmdbStore({ folder, commitTimeoutMs: 200 })
  await store.commit([], [{ put: 'a', value: bytes('1') }])
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  const attempts = [1, 2, 3].map((index) => store.commit([], [{ put: `late/${index}`, value: bytes('1') }]))
  for (const outcome of await Promise.allSettled(attempts)) assert.ok(outcome.status === 'rejected' && outcome.reason.code === 'internal')
  assert.match((await store.stats()).refusal ?? '', /did not end within 200 ms/)
  assert.equal(await readText(store, 'a'), '1')
  await store.close()
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const again = await openLmdbStore({ folder })
  assert.deepEqual(await again.list(''), ['a'])
  await again.commit([], [{ put: 'b', value: bytes('1') }])
  await again.close()
}))

test('the records of the driver are out of reach of keys', () => withStore(async (store) => {
  const likeCounter = '\x02\0\0\0\0\0\0\0\0'
  await store.commit([], ['\x02', likeCounter, '\0'].map((key) => ({ put: key, value: bytes('1') })))
  await store.commit([], [{ del: likeCounter }])
  assert.equal(await store.lastCommit(), 2)
  assert.deepEqual(await store.list(''), ['\0', '\x02'])
  assert.equal(textOf((await store.get('\x02'))?.value), '1')
  assert.equal(counterKey, 0)
}))
