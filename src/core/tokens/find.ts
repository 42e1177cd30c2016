/** Finds the record of a token and decides whether it is alive. */
import type { Transaction } from '../../kit/store.ts'
import { opaqueStore, type Base } from '../base.ts'
import { openBatchToken } from './batch.ts'
import { hashAccessor, hashToken } from './create.ts'
import { batchPrefix } from './ids.ts'
import { isLeaving } from './leaving.ts'
import { accessorRecords, tokenRecords, type TokenRecord } from './record.ts'

type Reader = Pick<Transaction, 'get'>

/** Longer ones cannot be ours. */
const tokenLengthMax = 8192

/** The record of a living token, or null. A token is dead as soon as one of those it descends from is, at that very moment. */
export async function findToken(base: Base, id: string, reader: Reader = opaqueStore(base)): Promise<TokenRecord | null> {
  if (id.length === 0 || id.length > tokenLengthMax) return null
  if (id.startsWith(batchPrefix)) return await livingBatch(base, reader, openBatchToken(base, id))
  return await findTokenByHash(base, hashToken(base, id), reader)
}

export async function findTokenByHash(base: Base, hash: string, reader: Reader = opaqueStore(base)): Promise<TokenRecord | null> {
  const record = await tokenRecords.read(reader, hash)
  if (record === null || (await isDead(base, reader, record))) return null
  return (await hasLivingParents(base, reader, record)) ? record : null
}

export async function findTokenByAccessor(base: Base, accessor: string, reader: Reader = opaqueStore(base)): Promise<TokenRecord | null> {
  const known = await accessorRecords.read(reader, hashAccessor(base, accessor))
  return known === null ? null : await findTokenByHash(base, known.hash, reader)
}

async function livingBatch(base: Base, reader: Reader, record: TokenRecord | null): Promise<TokenRecord | null> {
  if (record === null || isExpired(base, record)) return null
  return (await hasLivingParents(base, reader, record)) ? record : null
}

const isExpired = (base: Base, record: TokenRecord): boolean => record.expiresAt !== 0 && record.expiresAt <= base.host.now()

/** A promise only for tokens of logins: every request asks. */
const isDead = (base: Base, reader: Reader, record: TokenRecord): boolean | Promise<boolean> => isExpired(base, record) || (record.mountAccessor !== '' && isLeaving(reader, record.mountAccessor))

async function hasLivingParents(base: Base, reader: Reader, record: TokenRecord): Promise<boolean> {
  for (let hash = record.parent; hash !== null; ) {
    const parent: TokenRecord | null = await tokenRecords.read(reader, hash)
    if (parent === null || (await isDead(base, reader, parent))) return false
    hash = parent.parent
  }
  return true
}
