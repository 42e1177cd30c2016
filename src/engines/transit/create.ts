/** Making a key with its first version. */
import type { Transaction } from '../../kit/store.ts'
import { emptyKey, rotated, type Settings } from './generate.ts'
import type { KeyType } from './key-types.ts'
import { writeKey, writeVersion, type KeyRecord } from './records.ts'

/** Throws a bad request for settings that the type does not have. */
export async function createKey(store: Transaction, name: string, type: KeyType, settings: Settings, now: number, random: (bytes: number) => Uint8Array): Promise<KeyRecord> {
  const { key, version } = await rotated(emptyKey(name, type, settings, random), now, random)
  writeKey(store, key, null)
  writeVersion(store, key, key.latest, version)
  return key
}
