/** Which settings of a key go together. */
import { badRequest } from '../../kit/errors.ts'
import type { KeyRecord } from './records.ts'

const rotateSecondsMin = 3600

export function checkRotatePeriod(seconds: number): void {
  if (seconds !== 0 && seconds < rotateSecondsMin) throw badRequest('auto rotate period must be 0 to disable or at least an hour')
}

interface Changes {
  readonly min_decryption_version?: number
  readonly min_encryption_version?: number
  readonly deletion_allowed?: boolean
  readonly exportable?: boolean
  readonly allow_plaintext_backup?: boolean
  readonly auto_rotate_period?: number
}

/** The key with changed settings; throws a bad request where they do not go together. */
export function configured(key: KeyRecord, changes: Changes): KeyRecord {
  const minDecryption = changedMinimum(key.minDecryption, changes.min_decryption_version, key.latest, 'decryption') || 1
  const minEncryption = changedMinimum(key.minEncryption, changes.min_encryption_version, key.latest, 'encryption')
  checkMinima(key, minDecryption, minEncryption)
  checkRotatePeriod(changes.auto_rotate_period ?? 0)
  return {
    ...key,
    minDecryption,
    minEncryption,
    deletionAllowed: changes.deletion_allowed ?? key.deletionAllowed,
    exportable: key.exportable || changes.exportable === true,
    plaintextBackup: key.plaintextBackup || changes.allow_plaintext_backup === true,
    autoRotateSeconds: changes.auto_rotate_period ?? key.autoRotateSeconds,
  }
}

function changedMinimum(before: number, asked: number | undefined, latest: number, what: string): number {
  if (asked === undefined) return before
  if (asked < 0) throw badRequest(`min ${what} version cannot be negative`)
  if (asked > latest) throw badRequest(`cannot set min ${what} version of ${asked}, latest key version is ${latest}`)
  return asked
}

function checkMinima({ minAvailable }: KeyRecord, minDecryption: number, minEncryption: number): void {
  if (minEncryption > 0 && minEncryption < minDecryption) {
    throw badRequest(`cannot set min encryption/decryption values; min encryption version of ${minEncryption} must be greater than or equal to min decryption version of ${minDecryption}`)
  }
  if (minAvailable > minEncryption) throw badRequest('min encryption version should not be less than min available version')
  if (minAvailable > minDecryption) throw badRequest('min decryption version should not be less then min available version')
}

/** The key without the versions before `oldest`. */
export function trimmed(key: KeyRecord, oldest: number): KeyRecord {
  const refuse = (what: string) => badRequest(`minimum available version ${what}`)
  if (oldest < key.minAvailable) throw refuse('cannot be decremented')
  if (key.minEncryption === 0) throw refuse('cannot be set when minimum encryption version is not set')
  if (oldest > key.minEncryption) throw refuse('cannot be greater than minimum encryption version')
  if (oldest > key.minDecryption) throw refuse('cannot be greater than minimum decryption version')
  if (oldest <= 0) throw refuse('should be positive')
  return { ...key, minAvailable: oldest }
}
