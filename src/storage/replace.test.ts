/** Replacing a whole store, and `kill -9` at any moment of it: the old state or the new one, and what was acknowledged is there. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLmdbStore } from './lmdb.ts'

const rounds = 12

test('a process that is killed while it replaces a store leaves all of the old state or all of the new one', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-replace-'))
  let state = 12_345
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below
  try {
    let acknowledged = 0
    for (let round = 0; round < rounds; round += 1) {
      acknowledged = await killedAfter(folder, random(250), acknowledged)
      await checkWhole(folder, acknowledged)
    }
    assert.ok(acknowledged > 0, 'no round got as far as one replacement')
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** Kills the child so many milliseconds after its first replacement of this round; the last one that it told of. */
async function killedAfter(folder: string, ms: number, before: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'replace-child.js'), folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  setTimeout(() => child.kill('SIGKILL'), ms)
  await exited
  return Number(told.split('\n').filter((line) => line !== '').at(-1) ?? before)
}

async function checkWhole(folder: string, acknowledged: number): Promise<void> {
  const store = await openLmdbStore({ folder })
  try {
    const { commit, pieces } = store.readWhole()
    const [folders, values] = [new Set<string>(), new Set<string>()]
    let count = 0
    for await (const piece of pieces) {
      for (const { key, value } of piece) {
        folders.add(key.slice(0, 3))
        values.add(Buffer.from(value).toString().trim())
        count += 1
      }
    }
    assert.deepEqual([count, folders.size, values.size], [4_000, 1, 1])
    assert.ok(Number([...values][0]) >= acknowledged)
    assert.equal(commit, await store.lastCommit())
    await store.commit([], [{ put: 'g0/00000-extra', value: Buffer.from('') }])
    await store.commit([], [{ del: 'g0/00000-extra' }])
  } finally {
    await store.close()
  }
}
