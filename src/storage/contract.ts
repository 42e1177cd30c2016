/**
 * The one contract suite of storage: every driver and every layer runs it, in a test of its own that calls `storeContract`.
 * What a requirement here does not name is not promised.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { badRequest, Conflict } from '../kit/errors.ts'
import { bytes, increment, type Make, readText, type Requirement, textOf } from './contract-parts.ts'
import { draftContract } from './contract-drafts.ts'
import { listContract } from './contract-list.ts'
import { modelContract } from './contract-model.ts'
import { watchContract } from './contract-watch.ts'
import { wholeContract } from './contract-whole.ts'
import { keyBytesMax } from './key.ts'

/** Declares the suite. Nothing runs before `make` is called, once per requirement. `whole`: the store is a `WholeStore`. */
export function storeContract(name: string, make: Make, { whole = false } = {}): void {
  const requirement: Requirement = (title, body, settings) => {
    test(title, { timeout: 60_000 }, async () => {
      const subject = await make(settings)
      try {
        await body(subject.store, subject)
      } finally {
        await subject.close()
      }
    })
  }
  describe(name, () => {
    valueContract(requirement)
    keyContract(requirement)
    commitContract(requirement)
    mergeContract(requirement)
    draftContract(requirement)
    listContract(requirement)
    watchContract(requirement)
    modelContract(requirement)
    if (whole) wholeContract(requirement)
  })
}

function valueContract(requirement: Requirement): void {
  requirement('an absent key reads as null, and an empty store has seen no commit', async (store) => {
    assert.equal(await store.get('absent'), null)
    assert.equal(await store.lastCommit(), 0)
  })

  requirement('a value reads back byte for byte with the number of its commit as version', async (store) => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index)
    const commit = await store.commit([], [{ put: 'all/bytes', value }])
    const entry = await store.get('all/bytes')
    assert.deepEqual(Buffer.from(entry?.value ?? []), Buffer.from(value))
    assert.equal(entry?.version, commit)
    assert.equal(await store.lastCommit(), commit)
  })

  requirement('what is answered at once, where a store can, is what has to be waited for elsewhere, before and after every commit', async (store) => {
    for (const write of [{ put: 'a', value: Buffer.from('1') }, { put: 'a', value: Buffer.from('2') }, { del: 'a' }, { put: 'a', value: Buffer.from('3') }]) {
      await store.commit([], [write])
      const early = store.getNow?.('a')
      const entry = await store.get('a')
      assert.deepEqual(early === undefined ? entry : early, entry)
      assert.deepEqual(store.getNow === undefined ? entry : store.getNow('a'), entry)
    }
    assert.ok((store.getNow?.('b') ?? null) === null)
  })

  requirement('a value may be empty, and of 1 MiB', async (store) => {
    const large = Buffer.alloc(1024 * 1024, 'coffer ')
    await store.commit([], [{ put: 'empty', value: new Uint8Array() }, { put: 'large', value: large }])
    assert.equal((await store.get('empty'))?.value.length, 0)
    assert.ok(large.equals((await store.get('large'))?.value ?? Buffer.alloc(0)))
    await store.commit([], [{ put: 'large', value: bytes('small now') }])
    assert.equal(await readText(store, 'large'), 'small now')
  })

  requirement('what was read keeps its bytes when the key is written again', async (store) => {
    await store.commit([], [{ put: 'a', value: bytes('first') }, { put: 'big', value: Buffer.alloc(100_000, 1) }])
    const [before, bigBefore] = [await store.get('a'), await store.get('big')]
    await store.commit([], [{ put: 'a', value: bytes('other') }, { put: 'big', value: Buffer.alloc(100_000, 2) }])
    await store.get('a')
    assert.equal(textOf(before?.value), 'first')
    assert.ok(Buffer.alloc(100_000, 1).equals(bigBefore?.value ?? Buffer.alloc(0)))
  })

  requirement('a commit is seen by every read that begins after it', async (store) => {
    for (let round = 0; round < 20; round += 1) {
      await store.get('seen')
      await store.commit([], [{ put: 'seen', value: bytes(String(round)) }])
      assert.equal(await readText(store, 'seen'), String(round))
    }
  })

  requirement('opening again keeps values, versions, the order and the commit number', async (store, { reopen }) => {
    if (reopen === undefined) return
    await store.commit([], [{ put: 'kept/a', value: bytes('1') }, { put: 'kept/b', value: bytes('2') }])
    const deleted = await store.commit([], [{ del: 'kept/a' }])
    const before = await store.get('kept/b')
    const again = await reopen()
    assert.equal(await again.lastCommit(), deleted)
    assert.deepEqual(await again.list('kept/'), ['b'])
    const after = await again.get('kept/b')
    assert.deepEqual([textOf(after?.value), after?.version], ['2', before?.version])
    assert.ok((await again.commit([{ key: 'kept/b', version: before?.version ?? -1 }], [{ del: 'kept/b' }])) > deleted)
  })
}

function keyContract(requirement: Requirement): void {
  const odd = [
    'ä', 'ﬀ', '日本/語', '😀/🔑', '\uffff', ' ', ' leading and trailing ', 'tab\tnew\nline', '\0', '\0/\x01', '\x7f',
    '/leading', 'a//b', 'a///c', '.', '..', '../up', './here', '.hidden', 'q?x=1&y=%2f', '"quoted"', 'back\\slash',
    'CASE', 'case', '__proto__', 'constructor',
  ]
  requirement('odd keys are kept apart and read back', async (store) => {
    await store.commit([], odd.map((key) => ({ put: key, value: bytes(`value of ${key}`) })))
    for (const key of odd) assert.equal(await readText(store, key), `value of ${key}`, JSON.stringify(key))
    await store.commit([], odd.map((key) => ({ del: key })))
    assert.deepEqual(await store.list(''), [])
  })

  requirement('the longest key works, also with the widest characters', async (store, { longestKey = keyBytesMax }) => {
    const longest = `long/${'k'.repeat(longestKey - 5)}`
    const wide = `long/${'🔑'.repeat((longestKey - 5) >> 2)}`
    await store.commit([], [{ put: longest, value: bytes('long') }, { put: wide, value: bytes('wide') }])
    assert.equal(await readText(store, longest), 'long')
    assert.equal(await readText(store, wide), 'wide')
    assert.equal((await store.list('long/')).length, 2)
  })

  const refused = {
    'empty': '',
    'over-long': 'k'.repeat(keyBytesMax + 1),
    'over-long in bytes': '語'.repeat(700),
    'folder-like': 'a/',
    'malformed': 'a\ud800b',
  }
  for (const [kind, key] of Object.entries(refused)) {
    requirement(`a key that is ${kind} is refused`, async (store) => {
      const bad = { code: 'bad_request' }
      await assert.rejects(store.get(key), bad)
      if (store.getNow !== undefined) assert.throws(() => store.getNow?.(key), bad)
      await assert.rejects(store.commit([], [{ put: 'fine', value: bytes('1') }, { put: key, value: bytes('1') }]), bad)
      await assert.rejects(store.commit([], [{ del: key }]), bad)
      await assert.rejects(store.commit([], [{ merge: key, by: () => bytes('1') }]), bad)
      await assert.rejects(store.commit([{ key, version: 0 }], []), bad)
      assert.equal(await store.get('fine'), null)
    })
  }
}

function commitContract(requirement: Requirement): void {
  requirement('an expectation that does not hold is a conflict that names its key, and nothing is written', async (store) => {
    const version = await store.commit([], [{ put: 'a', value: bytes('1') }])
    const writes = [{ put: 'a', value: bytes('2') }, { put: 'b', value: bytes('2') }]
    const attempt = store.commit([{ key: 'a', version: version + 1 }], writes)
    await assert.rejects(attempt, Conflict)
    assert.equal(await readText(store, 'a'), '1')
    assert.equal(await store.get('b'), null)
    await store.commit([{ key: 'a', version }], [{ put: 'a', value: bytes('3') }])
    assert.equal(await readText(store, 'a'), '3')
  })

  requirement('version 0 expects absence', async (store) => {
    await store.commit([{ key: 'new', version: 0 }], [{ put: 'new', value: bytes('1') }])
    await assert.rejects(store.commit([{ key: 'new', version: 0 }], [{ put: 'new', value: bytes('2') }]), Conflict)
    await store.commit([], [{ del: 'new' }])
    await store.commit([{ key: 'new', version: 0 }], [{ put: 'new', value: bytes('3') }])
    assert.equal(await readText(store, 'new'), '3')
  })

  requirement('an expectation may concern a key that is not written, and the same key may be expected twice', async (store) => {
    const version = await store.commit([], [{ put: 'guard', value: bytes('1') }])
    const guard = { key: 'guard', version }
    await store.commit([guard, guard], [{ put: 'b', value: bytes('1') }])
    await store.commit([], [{ put: 'guard', value: bytes('1') }])
    await assert.rejects(store.commit([guard], [{ put: 'b', value: bytes('2') }]), Conflict)
    assert.equal(await readText(store, 'b'), '1')
  })

  requirement('versions only grow, also over a deletion, so that no old version ever holds again', async (store) => {
    const first = await store.commit([], [{ put: 'a', value: bytes('same') }])
    const gone = await store.commit([], [{ del: 'a' }])
    const second = await store.commit([], [{ put: 'a', value: bytes('same') }])
    assert.ok(first < gone && gone < second)
    assert.equal((await store.get('a'))?.version, second)
    await assert.rejects(store.commit([{ key: 'a', version: first }], [{ del: 'a' }]), Conflict)
  })

  requirement('deleting what is absent is no failure', async (store) => {
    await store.commit([], [{ del: 'absent' }, { put: 'b', value: bytes('1') }])
    assert.equal(await readText(store, 'b'), '1')
  })

  requirement('a commit without writes only checks', async (store) => {
    const version = await store.commit([], [{ put: 'a', value: bytes('1') }])
    assert.equal(await store.commit([{ key: 'a', version }, { key: 'b', version: 0 }], []), version)
    await assert.rejects(store.commit([{ key: 'a', version: 0 }], []), Conflict)
    assert.equal(await store.lastCommit(), version)
  })

  requirement('a key twice among the writes is refused', async (store) => {
    const put = { put: 'twice', value: bytes('1') }
    for (const other of [put, { del: 'twice' }, { merge: 'twice', by: increment }]) {
      await assert.rejects(store.commit([], [put, other]), { code: 'bad_request' })
    }
    assert.equal(await store.get('twice'), null)
  })

  requirement('of many commits that expect the same version exactly one succeeds', async (store) => {
    const version = await store.commit([], [{ put: 'token', value: bytes('unused') }])
    const attempts = Array.from({ length: 50 }, (_, index) =>
      store.commit([{ key: 'token', version }], [{ put: 'token', value: bytes('used') }, { put: `winner/${index}`, value: bytes('1') }]))
    const outcomes = await Promise.allSettled(attempts)
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof Conflict)
    assert.equal((await store.list('winner/')).length, 1)
  })

  requirement('a commit that fails harms none of those beside it', async (store) => {
    const attempts = Array.from({ length: 60 }, (_, index) => {
      const expectations = index % 3 === 0 ? [{ key: 'absent', version: 7 }] : []
      return store.commit(expectations, [{ put: `beside/${index}`, value: bytes('1') }])
    })
    const outcomes = await Promise.allSettled(attempts)
    outcomes.forEach(({ status }, index) => assert.equal(status, index % 3 === 0 ? 'rejected' : 'fulfilled'))
    assert.equal((await store.list('beside/')).length, 40)
    const commits = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    assert.equal(new Set(commits).size, commits.length)
  })
}

function mergeContract(requirement: Requirement): void {
  requirement('a merge sees the current value and replaces it', async (store) => {
    const seen: (string | undefined)[] = []
    const append = (current: Uint8Array | null): Uint8Array => {
      seen.push(textOf(current ?? undefined))
      return bytes(`${textOf(current ?? bytes(''))}x`)
    }
    await store.commit([], [{ merge: 'page', by: append }])
    const version = await store.commit([], [{ merge: 'page', by: append }])
    assert.deepEqual([...new Set(seen)], [undefined, 'x'])
    const entry = await store.get('page')
    assert.deepEqual([textOf(entry?.value), entry?.version], ['xx', version])
  })

  requirement('counters that 200 commits raise at once are exact', async (store) => {
    const commits = await Promise.all(Array.from({ length: 200 }, (_, index) =>
      store.commit([], [{ merge: 'count', by: increment }, { merge: `share/${index % 7}`, by: increment }])))
    assert.equal(await readText(store, 'count'), '200')
    assert.equal(new Set(commits).size, 200)
    const shares = await Promise.all((await store.list('share/')).map((name) => readText(store, `share/${name}`)))
    assert.equal(shares.reduce((sum, share) => sum + Number(share), 0), 200)
  })

  requirement('a merge that throws fails its whole commit with that error', async (store) => {
    await store.commit([], [{ put: 'uses', value: bytes('0') }])
    const spend = (): never => {
      throw badRequest('no use left')
    }
    const [before, after] = [{ put: 'before', value: bytes('1') }, { put: 'after', value: bytes('1') }]
    const attempt = store.commit([], [before, { merge: 'uses', by: spend }, after])
    await assert.rejects(attempt, { code: 'bad_request', message: 'no use left' })
    assert.deepEqual(await store.list(''), ['uses'])
  })

  requirement('a merge that answers null deletes, and of an absent key does nothing', async (store) => {
    await store.commit([], [{ put: 'a', value: bytes('1') }])
    await store.commit([], [{ merge: 'a', by: () => null }, { merge: 'b', by: () => null }])
    assert.deepEqual([await store.get('a'), await store.get('b'), await store.list('')], [null, null, []])
  })

  requirement('a merge and an expectation may stand in one commit', async (store) => {
    const version = await store.commit([], [{ put: 'a', value: bytes('1') }])
    await store.commit([{ key: 'a', version }], [{ merge: 'a', by: increment }])
    await assert.rejects(store.commit([{ key: 'a', version }], [{ merge: 'a', by: increment }]), Conflict)
    assert.equal(await readText(store, 'a'), '2')
  })
}
