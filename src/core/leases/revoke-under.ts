/** Revokes all leases below a prefix, in pieces: by whoever asks, or as a task that goes on after the answer, and after a crash. */
import type { Core } from '../core.ts'
import { findTokenByHash } from '../tokens/find.ts'
import { revokeToken } from '../tokens/revoke.ts'
import { leasesUnder } from './folders.ts'
import { placeOf, type LeaseRecord } from './record.ts'
import { laneOf, queueLease, revokeLease } from './revoke.ts'

export interface UnderOptions {
  /** Also where an engine fails. */
  readonly force?: boolean
  /** Milliseconds since 1970: what was made later stays. Default: nothing does. */
  readonly madeUntil?: number
  /** Told after each piece how many of it were revoked, and how many wait for the sweeper; false ends it. */
  readonly onPiece?: (piece: Piece) => Promise<boolean>
}

export interface Piece {
  readonly revoked: number
  readonly waiting: number
}

export const leasesInPiece = 256
const leasesAtOnce = 8
/** Failures of one backend, without a success among them, after which it counts as away. */
const failuresInARow = 16

/** Revokes every lease whose id begins with `prefix` (a folder, ending in '/'). Returns how many could not be revoked yet: the sweeper tries those again. */
export async function revokeUnder(core: Core, prefix: string, { force = false, madeUntil = Infinity, onPiece = async () => true }: UnderOptions = {}): Promise<number> {
  const failing = new Map<string, number>()
  let waiting = 0
  let piece: LeaseRecord[] = []
  const finish = async (): Promise<boolean> => {
    const [leases, failed] = [piece, await revokePiece(core, piece, force, failing)]
    piece = []
    waiting += failed
    return await onPiece({ revoked: leases.length - failed, waiting: failed })
  }
  for await (const lease of leasesUnder(core, prefix)) {
    if (madeUntil !== Infinity && (await madeAt(core, lease)) > madeUntil) continue
    if (piece.push(lease) >= leasesInPiece && !(await finish())) return waiting
  }
  if (piece.length > 0) await finish()
  return waiting
}

const madeAt = async (core: Core, { secret, tokenHash }: LeaseRecord): Promise<number> => (secret ?? (await findTokenByHash(core, tokenHash)))?.issuedAt ?? 0

/**
 * The newest first, and at once only secrets of one backend: what was made later may stand on what was made before, as does a connection that logs in
 * with a user that has a lease. A backend that fails and fails is not asked again: the rest of it is left to the sweeper, which comes back less and less often.
 */
async function revokePiece(core: Core, leases: readonly LeaseRecord[], force: boolean, failing: Map<string, number>): Promise<number> {
  let failed = 0
  let batch: LeaseRecord[] = []
  let batchLane = ''
  const finish = async (): Promise<void> => {
    const isQueued = !force && (failing.get(batchLane) ?? 0) >= failuresInARow
    const done = await Promise.all(batch.map((lease) => (isQueued ? leaveOne(core, lease) : revokeOne(core, lease, force))))
    const failures = done.filter((isDone) => !isDone).length
    failing.set(batchLane, failures === batch.length ? (failing.get(batchLane) ?? 0) + failures : 0)
    failed += failures
    batch = []
  }
  for (const lease of leases.toSorted((a, b) => (b.secret?.issuedAt ?? 0) - (a.secret?.issuedAt ?? 0))) {
    const lane = lease.secret === null ? 'token' : await laneOf(core, lease.secret)
    if (lane !== batchLane || batch.length >= leasesAtOnce) await finish()
    batchLane = lane
    batch.push(lease)
  }
  await finish()
  return failed
}

async function leaveOne(core: Core, lease: LeaseRecord): Promise<boolean> {
  await queueLease(core, placeOf(core, lease.id))
  return false
}

/** False: the engine of the lease could not revoke it yet. */
export async function revokeOne(core: Core, lease: LeaseRecord, force = false): Promise<boolean> {
  if (lease.secret !== null) {
    const place = placeOf(core, lease.id)
    // An intent, too: if the process dies after the engine has done it, the sweeper comes to know.
    await queueLease(core, place)
    return await revokeLease(core, place, force)
  }
  await revokeToken(core, lease.tokenHash)
  return true
}
