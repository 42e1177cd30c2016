/** Shares that are encrypted to the PGP keys of their holders before anybody sees them, and the copy of them that rekeying can leave on the server. */
import { encryptTo } from '../crypto/openpgp/encrypt.ts'
import { OpenPgpError } from '../crypto/openpgp/packets.ts'
import { readRecipient, type Recipient } from '../crypto/openpgp/recipient.ts'
import { badRequest, internal } from '../kit/errors.ts'
import { parseJson } from '../kit/json.ts'
import type { Write } from '../kit/store.ts'
import type { Barrier } from './barrier.ts'

/** Characters of a key in base64: signatures of others make keys large. */
const keyLengthMax = 1_000_000

/** A public key in base64 of its binary form. Throws 'bad_request' that names `field`. */
export function parsePgpKey(field: string, key: string, nowMs: number): Recipient {
  if (key.length > keyLengthMax) throw badRequest(`${field}: the PGP key is too large`)
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(key)) throw badRequest(`${field}: the PGP key must be base64 of its binary form`)
  try {
    return readRecipient(Buffer.from(key, 'base64'), Math.floor(nowMs / 1000))
  } catch (error) {
    if (!(error instanceof OpenPgpError)) throw error
    throw badRequest(`${field}: the PGP key cannot be used: ${error.message}`, { cause: error })
  }
}

/** Null when there are none. Throws 'bad_request' that names `field`, and which key it is. */
export const parsePgpKeys = (field: string, keys: readonly string[] | undefined, nowMs: number): readonly Recipient[] | null =>
  keys === undefined || keys.length === 0 ? null : keys.map((key, i) => parsePgpKey(`${field}, key ${i + 1}`, key, nowMs))

/** Each share, as hex digits, for the holder in the same place. Without recipients, the shares themselves. */
export const sharesFor = (recipients: readonly Recipient[] | null, shares: readonly Buffer[]): readonly Buffer[] =>
  recipients === null ? shares : shares.map((share, i) => {
    const recipient = recipients[i]
    if (recipient === undefined) throw internal('there are fewer PGP keys than shares')
    return encryptTo(recipient, Buffer.from(share.toString('hex')))
  })

export const fingerprintsOf = (recipients: readonly Recipient[] | null): readonly string[] | null => recipients?.map(({ fingerprint }) => fingerprint) ?? null

export type BackupKind = 'barrier' | 'recovery'

/** Encrypted shares as they were answered, hex digits, by the fingerprint of their holder. */
export interface ShareBackup {
  readonly nonce: string
  readonly keys: Readonly<Record<string, readonly string[]>>
}

const backupKey = (kind: BackupKind): string => `barrier/backup/${kind}`

export function backupOf(nonce: string, recipients: readonly Recipient[], shares: readonly Buffer[]): ShareBackup {
  const keys: Record<string, string[]> = {}
  for (const [i, { fingerprint }] of recipients.entries()) (keys[fingerprint] ??= []).push((shares[i] as Buffer).toString('hex'))
  return { nonce, keys }
}

/** For `Barrier.values`. */
export const writeOfBackup = (kind: BackupKind, backup: ShareBackup): Write => ({ put: backupKey(kind), value: Buffer.from(JSON.stringify(backup)) })

export async function readBackup(barrier: Barrier, kind: BackupKind): Promise<ShareBackup | null> {
  const entry = await barrier.values.get(backupKey(kind))
  return entry === null ? null : (parseJson(Buffer.from(entry.value).toString()) as unknown as ShareBackup)
}

export const deleteBackup = async (barrier: Barrier, kind: BackupKind): Promise<void> => void (await barrier.values.commit([], [{ del: backupKey(kind) }]))
