/** Transactions that fail: what wrote nothing for certain is done again, exactly once; after anything else nothing is written any more. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Draft } from '../kit/store.ts'
import { formedMerge } from './draft.ts'
import { openEnvironment, type Environment } from './lmdb-binding.ts'
import { LmdbWriter } from './lmdb-writer.ts'

interface Failing {
  readonly writer: LmdbWriter
  readonly count: () => number
  readonly stopped: () => number
}

const freePages = 'MDB_BAD_TXN: Transaction must abort, has a child, or is invalid: reserved freelist had a data entry with zero-size, last id 1\n'

/** A writer over a real environment, whose first transactions are carried out, taken back, and reported with these texts. */
async function withFailing(texts: readonly string[], body: (failing: Failing) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-writer-'))
  const environment = openEnvironment({ folder, mapSizeBytes: 2 ** 24 })
  const left = [...texts]
  const transaction: Environment['transaction'] = async (work) => {
    const text = left.shift()
    if (text === undefined) return await environment.transaction(work)
    assert.throws(() => environment.transactionSync(() => {
      work()
      throw new Error('taken back')
    }), /taken back/)
    throw new Error(text)
  }
  let stopped = 0
  const failing = new Proxy(environment, { get: (target, name) => (name === 'transaction' ? transaction : Reflect.get(target, name).bind(target)) })
  const writer = new LmdbWriter(failing, { rememberedCommits: 100, queueCountMax: 100, commitTimeoutMs: 10_000, isDiskFull: () => false, onCommit: () => undefined, onStop: () => void (stopped += 1) })
  try {
    await body({ writer, count: () => environment.getBinaryFast('count')?.[8] ?? 0, stopped: () => stopped })
  } finally {
    await writer.close()
    await environment.close()
    await rm(folder, { recursive: true })
  }
}

const countOn = (writer: LmdbWriter): Promise<number> => writer.commit([], [{ merge: 'count', by: (current) => Buffer.from([(current?.[0] ?? 0) + 1]) }])

test('a transaction that could not update the list of free pages is done again, and each commit happens once', async () => {
  await withFailing([freePages, freePages], async ({ writer, count, stopped }) => {
    const first = Array.from({ length: 5 }, () => countOn(writer))
    const conflict = writer.commit([{ key: 'count', version: 99 }], [{ del: 'count' }])
    const numbers = await Promise.all(first)
    assert.deepEqual(numbers, numbers.map((_, i) => (numbers[0] ?? 0) + i))
    await assert.rejects(conflict, { name: 'Conflict' })
    await countOn(writer)
    assert.deepEqual([count(), stopped()], [6, 0])
  })
})

test('one that fails like that again and again stops the writer', async () => {
  await withFailing(Array.from({ length: 10 }, () => freePages), async ({ writer, count, stopped }) => {
    await assert.rejects(countOn(writer), /refuses writes since a commit failed/)
    await assert.rejects(countOn(writer), /refuses writes/)
    assert.deepEqual([count(), stopped()], [0, 1])
  })
})

test('any other failure stops the writer at once: nobody knows what the disk holds', async () => {
  await withFailing(['MDB_BAD_TXN: Transaction must abort, has a child, or is invalid'], async ({ writer, stopped }) => {
    await assert.rejects(countOn(writer), /its outcome is unknown/)
    assert.equal(stopped(), 1)
  })
})

test('what commits of one transaction make of a key is put into bytes once', async () => {
  await withFailing([], async ({ writer, count }) => {
    let made = 0
    const form = {
      read: (value: Uint8Array): number => value[0] ?? 0,
      write(value: number): Uint8Array {
        made += 1
        return Buffer.from([value])
      },
    }
    const add = (): Promise<number> => writer.commit([], [formedMerge<number>('count', form, (before) => (before ?? 0) + 1)])
    await Promise.all(Array.from({ length: 50 }, add))
    assert.deepEqual([count(), made], [50, writer.counts.transactions])
    assert.ok(made < 10, String(made))
  })
})

test('what was drafted is drafted again when the transaction has to be', async () => {
  await withFailing([freePages], async ({ writer, count }) => {
    const draft = (current: Uint8Array | Draft | null): Draft => {
      const text = current === null || current instanceof Uint8Array ? current : current.bytes()
      return { bytes: () => Buffer.from([(text?.[0] ?? 0) + 1]) }
    }
    const add = (): Promise<number> => writer.commit([], [{ merge: 'count', by: (current) => draft(current).bytes(), draft }])
    await Promise.all(Array.from({ length: 5 }, add))
    assert.equal(count(), 5)
  })
})
