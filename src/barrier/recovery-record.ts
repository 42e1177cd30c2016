/**
 * What is kept of a recovery key: by which it is known again, and a public key to which root keys are sealed. It is sealed itself, so nobody who can only write
 * to the store can put another one in its place.
 */
import { createHmac, type KeyObject } from 'node:crypto'
import { isEqualSecret } from '../crypto/keys.ts'
import { recoveryPublicKey, sealToRecovery } from './seals/recovery.ts'
import type { ShareConfig } from './seals/shamir.ts'
import type { RecoverySetup } from './setup.ts'

const proofLength = 32

/** A recovery key is 32 random bytes, so a plain keyed hash is enough. */
const proofOf = (subkey: KeyObject, key: Uint8Array): Buffer => createHmac('sha256', subkey).update(key).digest()

export const recoveryRecordOf = (subkey: KeyObject, key: Uint8Array): Buffer => Buffer.concat([proofOf(subkey, key), recoveryPublicKey(key)])

/** What becomes the recovery key (and what is to be kept of it) when a store without one moves to an automatic seal: the key that people gave up for that. */
export function inherit(before: ShareConfig | null, heir: RecoverySetup | null, subkey: KeyObject): { readonly recovery: ShareConfig | null; readonly kept: Buffer | null } {
  return before !== null || heir === null ? { recovery: before, kept: null } : { recovery: heir.config, kept: recoveryRecordOf(subkey, heir.key) }
}

/** In constant time; false when there is no record. */
export const isKeyOfRecord = (record: Uint8Array | null, subkey: KeyObject, key: Uint8Array): boolean =>
  record !== null && isEqualSecret(record.subarray(0, proofLength), proofOf(subkey, key))

/** The root key for the holders of the recovery key of this record; null when there is none. */
export const recoverableBy = (record: Uint8Array | null, rootKey: Uint8Array): Buffer | null =>
  record === null || record.length <= proofLength ? null : sealToRecovery(record.subarray(proofLength), rootKey)
