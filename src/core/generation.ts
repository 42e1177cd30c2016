/**
 * One record that changes whenever mounts, policies, audit devices, quotas or headers do. A process keeps what it derived from those for as long
 * as the version of this record stays the same; reading it costs a microsecond, and no message between processes is needed.
 */
import type { Entry, Store, Transaction } from '../kit/store.ts'
import { opaqueStore, type Base } from './base.ts'

const key = 'generation'
const mark = new Uint8Array([1])

/** A promise only where the store makes one wait: each request asks several times. */
export function currentGeneration(base: Base): number | Promise<number> {
  const store: Store = opaqueStore(base)
  const entry = store.getNow?.(key)
  return entry === undefined ? store.get(key).then(versionOf) : versionOf(entry)
}

const versionOf = (entry: Entry | null): number => entry?.version ?? 0

/** Adds the change to a commit. `opaque` is the transaction on the opaque store. */
export const bumpGeneration = (opaque: Transaction): void => opaque.merge(key, () => mark)

const mountsKey = 'mounts-generation'

/** Adds to a commit that a mount which was there before is gone, moved, or served otherwise. Writes to mounts depend on this record, and not on the one above, which changes more often. */
export function bumpMounts(opaque: Transaction): void {
  bumpGeneration(opaque)
  opaque.merge(mountsKey, () => mark)
}

/** Makes the commit of a unit depend on all mounts staying as they are. */
export const expectMounts = async (opaque: Transaction): Promise<void> => void (await opaque.get(mountsKey))
