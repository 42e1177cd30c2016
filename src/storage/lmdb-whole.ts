/** All of an LMDB environment: read at one commit while others write, and replaced in one transaction. */
import { internal } from '../kit/errors.ts'
import type { KeyValue, WholeReading } from '../kit/store.ts'
import { checkKey, checkValue } from './key.ts'
import { type Environment, writeNumber } from './lmdb-binding.ts'
import { counterKey, readCounter, writeCounter } from './lmdb-log.ts'
import { copyValue } from './lmdb-writer.ts'

/** What a piece has at least before it is handed on: bytes, and values. Between two pieces, others have their turn. */
const pieceBytes = 256 * 1024
const pieceValues = 1_000

/** A transaction of its own, which pins what it sees until the reading ends. */
export function readWhole(environment: Environment, closing: AbortSignal): WholeReading {
  const snapshot = environment.useReadTransaction()
  const { last } = readCounter(environment, { transaction: snapshot })
  async function* pieces(): AsyncGenerator<readonly KeyValue[]> {
    try {
      let piece: KeyValue[] = []
      let bytes = 0
      for (const { key, value } of environment.getRange({ start: '', end: counterKey, transaction: snapshot })) {
        piece.push({ key: key as string, value: copyValue(value) })
        bytes += value.length
        if (bytes < pieceBytes && piece.length < pieceValues) continue
        yield piece
        if (closing.aborted) throw internal('the storage is closed')
        piece = []
        bytes = 0
        await new Promise(setImmediate)
      }
      if (piece.length > 0) yield piece
    } finally {
      snapshot.done()
    }
  }
  return { commit: last, pieces: pieces() }
}

/** Blocks this thread: between two steps nobody must read, who would see what is not committed. An exception takes everything back. */
export function replaceWhole(environment: Environment, values: Iterable<KeyValue>): number {
  return environment.transactionSync(() => {
    const { format, last } = readCounter(environment)
    const commit = last + 1
    environment.clearSync()
    for (const { key, value } of values) {
      checkKey(key)
      checkValue(value)
      const stored = Buffer.allocUnsafe(value.length + 8)
      stored.set(value, writeNumber(stored, commit, 0))
      environment.put(key, stored)
    }
    writeCounter(environment, { format, last: commit, floor: commit })
    if (readCounter(environment).last !== commit) throw new Error('a write was lost inside its transaction')
    return commit
  })
}
