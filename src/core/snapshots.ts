/**
 * Snapshots: everything in the store at one commit, as it lies there, sealed. Taking one needs no key but to vouch for it; restoring one is a
 * commit like any other, of the whole store, so that it is done or not done, and every process meets it at its next read or commit.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeSealRecord } from '../barrier/seal-record.ts'
import { storeKey } from '../barrier/store-record.ts'
import { unsealBySeal } from '../barrier/seals/unsealing.ts'
import { ApiError, badRequest } from '../kit/errors.ts'
import type { KeyValue } from '../kit/store.ts'
import { formatTime } from '../kit/time.ts'
import { decodePart, snapshotFormat, type SnapshotManifest } from '../storage/snapshot/format.ts'
import { readSnapshot, type ReadSnapshot } from '../storage/snapshot/read.ts'
import { writeSnapshot } from '../storage/snapshot/write.ts'
import type { Core } from './core.ts'
import { stagedPrefix, type SnapshotPlace } from './snapshot-place.ts'
import { keyedHash } from './tokens/ids.ts'

const fingerprintOf = (core: Core): string => keyedHash(core.barrier.subkey('snapshot'), 'fingerprint').slice(0, 32)

/** Refuses where there is nothing to take snapshots of. */
function resolvePlace(core: Core): SnapshotPlace {
  if (core.snapshots === null) throw badRequest('this storage has no snapshots')
  return core.snapshots
}

export function takeSnapshot(core: Core, clusterId: string): AsyncIterable<Uint8Array> {
  const key = core.barrier.subkey('snapshot')
  const now = core.host.now()
  const reading = resolvePlace(core).store.readWhole()
  const manifest: SnapshotManifest = {
    program: 'coffer', format: snapshotFormat, version: core.settings.version, created: formatTime(now),
    cluster_id: clusterId, key_fingerprint: fingerprintOf(core), commit: reading.commit,
  }
  return writeSnapshot(reading, manifest, (digest) => createHmac('sha256', key).update(digest).digest(), Math.floor(now / 1000))
}

/** Whether this store made the snapshot, and nobody has changed it since; null: another store made it. */
export function isAuthentic(core: Core, { key_fingerprint: fingerprint }: Pick<SnapshotManifest, 'key_fingerprint'>, digest: Uint8Array, mac: Uint8Array): boolean | null {
  if (fingerprint !== fingerprintOf(core)) return null
  const expected = createHmac('sha256', core.barrier.subkey('snapshot')).update(digest).digest()
  return mac.length === expected.length && timingSafeEqual(mac, expected)
}

/** Records of the barrier, which say how what is restored opens. */
const watched = ['barrier/seal', 'barrier/keyring', storeKey]

interface Staged extends ReadSnapshot {
  readonly records: ReadonlyMap<string, Buffer>
}

/**
 * Replaces everything by a snapshot. Throws 'bad_request' with the reason, and changes nothing, when it is not whole, not of this store, or would need
 * other keys than the present ones; `force` accepts the latter two, and then the server may be sealed afterwards.
 */
export async function restoreSnapshot(core: Core, upload: AsyncIterable<Uint8Array>, force: boolean): Promise<ReadSnapshot> {
  const { store, folder } = resolvePlace(core)
  const path = join(folder, `${stagedPrefix}${core.host.uuid()}`)
  try {
    const staged = await stage(path, upload)
    check(core, staged, force)
    const commit = await store.replaceWhole(recordsIn(path))
    core.host.log('warn', 'core', 'the store was replaced by a snapshot', { created: staged.manifest.created, cluster_id: staged.manifest.cluster_id, commit })
    await takeOver(core)
    return staged
  } finally {
    await rm(path, { force: true })
  }
}

/** Nothing is believed before the end has come, so it waits on the disk: [length 4][part] of each. */
async function stage(path: string, upload: AsyncIterable<Uint8Array>): Promise<Staged> {
  const records = new Map<string, Buffer>()
  const file = await open(path, 'wx', 0o600)
  try {
    const read = await readSnapshot(upload, async (part) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(part.length)
      await file.writev([length, part])
      for (const { key, value } of decodePart(part, '')) if (watched.includes(key)) records.set(key, Buffer.from(value))
    })
    return { ...read, records }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    throw new ApiError('overloaded', 'there is no room on the disk for the snapshot', { cause: error })
  } finally {
    await file.close()
  }
}

function check(core: Core, { manifest, digest, mac, records }: Staged, force: boolean): void {
  const authentic = isAuthentic(core, manifest, digest, mac)
  if (authentic === false) throw badRequest('the snapshot was changed after it was made')
  const [seal, keyring, store] = watched.map((key) => records.get(key))
  if (seal === undefined || keyring === undefined) throw badRequest('the snapshot is of a store that was not initialised')
  core.barrier.form.of(store === undefined ? null : { value: store })
  decodeSealRecord(seal)
  if (force) return
  if (authentic === null) throw badRequest(`the snapshot is of another cluster (${manifest.cluster_id}); snapshot-force restores it all the same, and then only the keys of that cluster unseal`)
  if (!core.barrier.opensKeyring(keyring)) throw badRequest('the snapshot needs the unseal keys of its time, which were replaced since then; snapshot-force restores it all the same')
}

function* recordsIn(path: string): Generator<KeyValue> {
  const file = openSync(path, 'r')
  try {
    const length = Buffer.alloc(4)
    while (readSync(file, length) === length.length) {
      const part = Buffer.allocUnsafe(length.readUInt32BE())
      for (let at = 0; at < part.length; ) {
        const count = readSync(file, part, at, part.length - at, null)
        if (count === 0) throw new Error('the staged snapshot ends too early')
        at += count
      }
      yield* decodePart(part, '')
    }
  } finally {
    closeSync(file)
  }
}

/** Goes on with what is there now, under a new data key: how often the present one was used since the snapshot is not known any more. */
async function takeOver(core: Core): Promise<void> {
  try {
    await core.barrier.follow()
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'sealed') throw error
  }
  if (core.barrier.isSealed && core.keys.automatic !== null) {
    await unsealBySeal(core.barrier, core.keys.automatic).catch((error: unknown) =>
      core.host.log('error', 'core', 'the server is sealed: its seal does not open the snapshot', { error: error instanceof Error ? error.message : 'unknown' }))
  }
  if (core.barrier.isSealed) return
  await core.crew.shareKey()
  await core.barrier.rotate()
}
