/** The durable count of encryptions by term, sealed like any value. Several processes add to it, each in blocks (`meter.ts`). */
import { Conflict } from '../kit/errors.ts'
import type { Store } from '../kit/store.ts'
import type { ActiveKey, Keyring } from './keyring.ts'
import { openValue, sealValue } from './value-format.ts'

const usageKey = 'barrier/usage'

/** Adds `count` encryptions under the key of `active`, durably. */
export async function reserveUsage(base: Store, keyring: Keyring, active: ActiveKey, count: number): Promise<void> {
  const by = (sealed: Uint8Array | null): Uint8Array => {
    const counts = sealed === null ? new Map<number, number>() : openCounts(keyring, sealed)
    counts.set(active.term, (counts.get(active.term) ?? 0) + count + 1)
    // Counting the encryption of the count itself would never end: each reservation is larger by one instead.
    return sealValue(active, usageKey, encodeCounts(counts))
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      const fence = await keyring.fence()
      // Of a store that was replaced meanwhile: nothing is counted for it any more.
      if (keyring.findKey(active.term)?.equals(active.key) !== true) throw new Conflict(usageKey)
      await base.commit([fence], [{ merge: usageKey, by }])
      return
    } catch (error) {
      // Another process has counted under a key that is newer than those known here.
      if (!(error instanceof Conflict) || attempt === 3) throw error
      await keyring.reload()
    }
  }
}

/** How many encryptions under the key of `term` were reserved, by all processes together. */
export async function readUsage(base: Store, keyring: Keyring, term: number): Promise<number> {
  const entry = await base.get(usageKey)
  if (entry === null) return 0
  return openCounts(keyring, entry.value).get(term) ?? 0
}

function openCounts(keyring: Keyring, sealed: Uint8Array): Map<number, number> {
  const bytes = openValue(keyring, usageKey, sealed)
  if (bytes === null) throw new Conflict(usageKey)
  const counts = new Map<number, number>()
  for (let at = 0; at + entryLength <= bytes.length; at += entryLength) counts.set(bytes.readUInt32BE(at), bytes.readDoubleBE(at + 4))
  return counts
}

/** [term 4][count, as a double, 8] of each. */
const entryLength = 12

function encodeCounts(counts: ReadonlyMap<number, number>): Buffer {
  const bytes = Buffer.alloc(counts.size * entryLength)
  let at = 0
  for (const [term, count] of counts) {
    bytes.writeUInt32BE(term, at)
    at = bytes.writeDoubleBE(count, at + 4)
  }
  return bytes
}
