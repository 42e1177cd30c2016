/**
 * The seal record: which seal protects the root key, and the root key as that seal wrapped it. It stands open in the store, because it is
 * needed before anything can be opened; it holds nothing that helps without the seal.
 */
import { internal } from '../kit/errors.ts'
import type { Store } from '../kit/store.ts'
import type { ShareConfig } from './seals/shamir.ts'

export interface SealRecord extends ShareConfig {
  readonly type: string
  readonly isAutomatic: boolean
  /** The root key, wrapped. */
  readonly wrapped: Uint8Array
  /** How the recovery key is shared; null when there is none. */
  readonly recovery: ShareConfig | null
  /** The root key, sealed to the recovery key (`seals/recovery.ts`); null when there is none. */
  readonly recoverable: Uint8Array | null
}

interface StoredSeal {
  readonly format: 1
  readonly type: string
  readonly automatic: boolean
  readonly shares: number
  readonly threshold: number
  readonly wrapped: string
  readonly recovery: ShareConfig | null
  readonly recoverable?: string
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export function encodeSealRecord({ type, isAutomatic, shares, threshold, wrapped, recovery, recoverable }: SealRecord): Buffer {
  const stored: StoredSeal = {
    format: 1, type, automatic: isAutomatic, shares, threshold, wrapped: base64(wrapped), recovery, ...(recoverable !== null && { recoverable: base64(recoverable) }),
  }
  return Buffer.from(JSON.stringify(stored))
}

// Whoever asks how the server is asks for it, and the store hands out the same bytes until they change.
const decoded = new WeakMap<Uint8Array, SealRecord>()

/** Throws 'internal' for bytes that are no seal record: anybody who can write to the store could have put them there. */
export function decodeSealRecord(bytes: Uint8Array): SealRecord {
  const known = decoded.get(bytes)
  if (known !== undefined) return known
  const record = readRecord(bytes)
  decoded.set(bytes, record)
  return record
}

function readRecord(bytes: Uint8Array): SealRecord {
  const stored = parse(bytes)
  if (stored?.format !== 1 || typeof stored.type !== 'string' || typeof stored.wrapped !== 'string' || !isShared(stored)) {
    throw internal('the seal record cannot be read: it was changed, or written by a later version')
  }
  const { type, automatic, shares, threshold, wrapped, recovery, recoverable } = stored as StoredSeal
  const rootKey = Buffer.from(wrapped, 'base64')
  const forPeople = typeof recoverable === 'string' ? Buffer.from(recoverable, 'base64') : null
  return Object.freeze({ type, isAutomatic: automatic, shares, threshold, wrapped: rootKey, recovery: isShared(recovery) ? recovery : null, recoverable: forPeople })
}

function parse(bytes: Uint8Array): Partial<StoredSeal> | null {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Partial<StoredSeal> | null
  } catch {
    return null
  }
}

/** Keeps what `rewrap` makes of the wrapped root key, as a seal of `type`; null: no change. Resolves with whether anything changed, which only an automatic seal does. */
export async function rewriteSeal(store: Pick<Store, 'get' | 'commit'>, key: string, type: string, rewrap: (wrapped: Uint8Array) => Promise<Uint8Array | null>): Promise<boolean> {
  const entry = await store.get(key)
  const record = entry === null ? null : decodeSealRecord(entry.value)
  if (entry === null || record === null || !record.isAutomatic) return false
  const wrapped = await rewrap(record.wrapped)
  if (wrapped === null) return false
  await store.commit([{ key, version: entry.version }], [{ put: key, value: encodeSealRecord({ ...record, type, wrapped }) }])
  return true
}

function isShared(config: Partial<ShareConfig> | null): config is ShareConfig {
  const { shares, threshold } = config ?? {}
  return Number.isInteger(shares) && Number.isInteger(threshold) && (shares as number) >= 0 && (threshold as number) >= 0
}
