/** Files of every form of the embedded store that was ever released open with this version, and one of a later form is refused. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { openEnvironment } from './lmdb-binding.ts'
import { readCounter, writeCounter } from './lmdb-log.ts'
import { openLmdbStore } from './lmdb.ts'

const fixtures = join(import.meta.dirname, '../../../src/storage/fixtures')

async function withFile(name: string, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-form-'))
  try {
    writeFileSync(join(folder, 'data.mdb'), gunzipSync(readFileSync(join(fixtures, name))))
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const name of readdirSync(fixtures)) test(`${name}: values, versions and the log of changes are read, and it is written on`, () => withFile(name, async (folder) => {
  const store = await openLmdbStore({ folder })
  const read = async (key: string) => {
    const entry = await store.get(key)
    return [Buffer.from(entry?.value ?? []).toString('latin1'), entry?.version]
  }
  assert.deepEqual([await read('a'), await read('ä/b'), (await store.get('large'))?.value.length], [['third', 3], ['\0\xff', 1], 20_000])
  assert.deepEqual([await store.list(''), await store.lastCommit()], [['a', 'large', 'ä/'], 3])
  const ending = new AbortController()
  const seen: string[] = []
  for await (const { commit, key } of store.watch('', 0, ending.signal)) {
    seen.push(`${commit} ${key}`)
    if (seen.length === 5) ending.abort()
  }
  assert.deepEqual(seen, ['1 a', '1 ä/b', '2 large', '2 a', '3 a'])
  assert.equal(await store.commit([{ key: 'a', version: 3 }], [{ put: 'b', value: Buffer.from('') }]), 4)
  await store.close()
}))

test('a file of a later form is refused by name, and not touched', () => withFile('lmdb-1.mdb.gz', async (folder) => {
  const environment = openEnvironment({ folder, mapSizeBytes: 2 ** 30 })
  environment.transactionSync(() => writeCounter(environment, { ...readCounter(environment), format: 2 }))
  await environment.close()
  const before = readFileSync(join(folder, 'data.mdb'))
  await assert.rejects(openLmdbStore({ folder }), { message: /holds a store of format 2, but this program knows only 1/ })
  assert.ok(readFileSync(join(folder, 'data.mdb')).equals(before))
}))
