/** The part of the contract suite that concerns `watch`. */
import assert from 'node:assert/strict'
import type { Change, Store } from '../kit/store.ts'
import { bytes, type Requirement } from './contract-parts.ts'

const put = (store: Store, ...keys: string[]): Promise<number> => store.commit([], keys.map((key) => ({ put: key, value: bytes('1') })))

/** Reads so many changes and stops watching. Within a commit their order is free, so they come back sorted. */
async function take(store: Store, prefix: string, from: number, count: number): Promise<Change[]> {
  const changes: Change[] = []
  if (count === 0) return changes
  const control = new AbortController()
  for await (const change of store.watch(prefix, from, control.signal)) {
    changes.push(change)
    if (changes.length === count) control.abort()
  }
  return changes.sort((one, other) => one.commit - other.commit || (one.key < other.key ? -1 : 1))
}

export function watchContract(requirement: Requirement): void {
  requirement('a watch tells what was written and deleted since a commit, then what comes', async (store) => {
    const first = await put(store, 'w/a', 'w/b')
    const second = await store.commit([], [{ del: 'w/a' }, { merge: 'w/c', by: () => bytes('1') }])
    const watching = take(store, '', 0, 5)
    const third = await put(store, 'other')
    assert.deepEqual(await watching, [
      { commit: first, key: 'w/a' },
      { commit: first, key: 'w/b' },
      { commit: second, key: 'w/a' },
      { commit: second, key: 'w/c' },
      { commit: third, key: 'other' },
    ])
  })

  requirement('a watch tells only what lies under its prefix, and only what is later than its number', async (store) => {
    await put(store, 'a/1', 'b/1')
    const from = await store.lastCommit()
    const later = await put(store, 'a/2', 'b/2', 'ab')
    assert.deepEqual(await take(store, 'a/', from, 1), [{ commit: later, key: 'a/2' }])
    assert.deepEqual(await take(store, 'b/', 0, 2), [{ commit: from, key: 'b/1' }, { commit: later, key: 'b/2' }])
  })

  requirement('a watch taken up again at the last number it told misses and repeats nothing', async (store) => {
    const expected: string[] = []
    const told: string[] = []
    let at = 0
    for (let round = 0; round < 12; round += 1) {
      for (let index = 0; index < round % 4; index += 1) {
        expected.push(`k/${round}-${index}`)
        await put(store, `k/${round}-${index}`)
      }
      const changes = await take(store, 'k/', at, expected.length - told.length)
      told.push(...changes.map(({ key }) => key))
      at = changes.at(-1)?.commit ?? at
    }
    assert.deepEqual(told, expected)
  })

  requirement('commits are told in the order of their numbers, however many run at once', async (store) => {
    const watching = take(store, 'n/', 0, 300)
    const commits = await Promise.all(Array.from({ length: 300 }, (_, index) => put(store, `n/${index}`)))
    const numbers = (await watching).map(({ commit }) => commit)
    assert.deepEqual(numbers, [...commits].sort((one, other) => one - other))
  })

  requirement('a watch ends when it is aborted, also while it waits or before it began', async (store) => {
    const from = await put(store, 'a')
    const control = new AbortController()
    const waiting = (async () => {
      for await (const change of store.watch('', from, control.signal)) assert.fail(`nothing was to come, but ${change.key} did`)
      return 'ended'
    })()
    setTimeout(() => control.abort(), 20)
    assert.equal(await waiting, 'ended')
    for await (const change of store.watch('', 0, AbortSignal.abort())) assert.fail(`${change.key} came after the abort`)
  })

  requirement('a failed commit is not told', async (store) => {
    await assert.rejects(store.commit([{ key: 'x', version: 9 }], [{ put: 'x', value: bytes('1') }]))
    const commit = await put(store, 'y')
    assert.deepEqual(await take(store, '', 0, 1), [{ commit, key: 'y' }])
  })

  requirement('a watch from before what is remembered fails as precondition_failed', async (store) => {
    for (let index = 0; index < 200; index += 1) await put(store, `f/${index % 3}`)
    await assert.rejects(take(store, '', 0, 1), { code: 'precondition_failed' })
    const last = await store.lastCommit()
    assert.equal((await take(store, 'f/', last - 10, 10)).length, 10)
  }, { rememberedCommits: 10 })

  requirement('a watch survives opening again', async (store, { reopen }) => {
    if (reopen === undefined) return
    const first = await put(store, 'r/a')
    const second = await put(store, 'r/b')
    assert.deepEqual(await take(await reopen(), 'r/', first, 1), [{ commit: second, key: 'r/b' }])
  })
}
