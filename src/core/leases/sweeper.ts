/** Revokes what has expired: reads the head of the time-ordered index, in pieces, and nothing else. */
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import { findTokenByHash } from '../tokens/find.ts'
import { resumeRevocations, revokeToken } from '../tokens/revoke.ts'
import { expiryPrefix, leaseRecords, parseExpiryName, parseLeaseReference, type ExpiryEntry } from './record.ts'
import { revokeLease } from './revoke.ts'

const pieceMax = 256

/**
 * One pass over everything that is due; returns how many entries were dealt with. An entry that lies (the record says otherwise) is dropped; one whose
 * revocation fails stays for the next pass.
 */
export async function sweepExpired(core: Core): Promise<number> {
  const store = opaqueStore(core)
  let count = 0
  let after = ''
  for (;;) {
    const names = await store.list(expiryPrefix, { after, limit: pieceMax })
    for (const name of names) {
      const entry = parseExpiryName(name)
      if (entry.dueAt > core.host.now()) return count
      try {
        await expire(core, entry)
        await store.commit([], [{ del: expiryPrefix + name }])
        count += 1
      } catch (error) {
        logFailure(core, error)
      }
    }
    if (names.length < pieceMax) return count
    after = names.at(-1) as string
  }
}

async function expire(core: Core, { kind, reference }: ExpiryEntry): Promise<void> {
  if (kind === 'token') {
    // Renewed meanwhile: it has an entry at a later time.
    if ((await findTokenByHash(core, reference)) === null) await revokeToken(core, reference)
    return
  }
  const place = parseLeaseReference(reference)
  const lease = await leaseRecords.read(opaqueStore(core), place.folder, place.suffix)
  if (lease?.secret && lease.secret.expiresAt <= core.host.now()) await revokeLease(core, place)
}

const logFailure = (core: Core, error: unknown): void =>
  core.host.log('error', 'expiration', 'failed to revoke what has expired', { error: error instanceof Error ? error.message : 'unknown' })

/** Sweeps about once a second until stopped. Only one process of a cluster does: see the supervisor. */
export function startSweeper(core: Core, everyMs = 1000): () => Promise<void> {
  let stopped = false
  let cancel = (): void => undefined
  let running: Promise<void> = Promise.resolve()
  const turn = (): void => {
    running = sweepOnce(core).finally(() => {
      if (!stopped) cancel = core.host.later(everyMs, turn)
    })
  }
  cancel = core.host.later(everyMs, turn)
  return async () => {
    stopped = true
    cancel()
    await running
  }
}

async function sweepOnce(core: Core): Promise<void> {
  if (core.barrier.isSealed) return
  try {
    await resumeRevocations(core)
    await sweepExpired(core)
  } catch (error) {
    if (!core.barrier.isSealed) logFailure(core, error)
  }
}
