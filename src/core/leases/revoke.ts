/** Revokes leases of secrets through the engine that issued them. A failure is kept in the lease and tried again later. */
import type { LeaseKind } from '../../kit/engine.ts'
import { Conflict } from '../../kit/errors.ts'
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import type { Mount } from '../mounts/table.ts'
import { withUnit, type Unit } from '../unit.ts'
import { releaseLease } from './quotas.ts'
import { heldKey, irrevocableKey, leaseExpiryKey, leaseRecords, type LeasePlace, type LeaseRecord, type SecretLease } from './record.ts'

/** Tries before a lease is irrevocable, and the wait after the first failure, doubled each time: seconds. */
const failuresMax = 6
const firstBackoffSeconds = 10
/** An engine that takes longer has failed: what it does in the end counts for nothing. */
const revokeSecondsMax = 60
/** Characters of a reason that are kept. */
const reasonMax = 240

/** What the engine of a lease says of why it could not revoke. */
class EngineFailure extends Error {
  override readonly name = 'EngineFailure'
}

/**
 * Revokes a lease. False: its engine could not, which is noted in the lease, and tried again later. `force`: the lease goes even if the engine fails.
 * One whose secret is being made this moment goes when that is over, in any case: it is false as well. Throws only when the store does: then nothing
 * is noted.
 */
export async function revokeLease(core: Core, place: LeasePlace, force = false): Promise<boolean> {
  try {
    return await withUnit((unit) => revokeIn(core, unit, place))
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error
    return await withUnit((unit) => afterFailure(core, unit, place, error.message, force))
  }
}

async function revokeIn(core: Core, unit: Unit, place: LeasePlace): Promise<boolean> {
  const lease = await leaseRecords.read(unit.on(opaqueStore(core)), place.folder, place.suffix)
  if (lease === null || lease.secret === null) return true
  if (isBeingMade(core, lease.secret)) {
    leaveToSweeper(core, unit, place, lease, { ...lease.secret, intent: 'abandoned' })
    return false
  }
  await askEngine(core, unit, lease.secret)
  removeLease(unit, core, place, lease)
  return true
}

/** A secret that is revoked before it is made would be made after that. */
const isBeingMade = (core: Core, { intent, expiresAt }: SecretLease): boolean => intent !== undefined && expiresAt > core.host.now()

/** Has the engine of a secret revoke it; what it writes belongs to the unit. Throws `EngineFailure` and `Conflict`. */
export async function askEngine(core: Core, unit: Unit, secret: SecretLease): Promise<void> {
  const found = await kindOf(core, secret)
  // Forgetting it would leave the secret valid, and nobody would know.
  if (found === null) throw new EngineFailure('the engine that issued it is not there')
  const call = { store: unit.on(found.mount.store), mount: found.mount.view, now: core.host.now(), internal: secret.internal, incrementSeconds: 0 }
  await withinTime(core, () => found.kind.revoke(call)).catch((error: unknown) => {
    if (error instanceof Conflict) throw error
    throw new EngineFailure((error instanceof Error ? error.message : 'failed').slice(0, reasonMax), { cause: error })
  })
}

async function withinTime(core: Core, work: () => Promise<void>): Promise<void> {
  let cancel = (): void => undefined
  const late = new Promise<never>((_, reject) => {
    cancel = core.host.later(revokeSecondsMax * 1000, () => reject(new EngineFailure(`the engine did not answer within ${revokeSecondsMax} seconds`)))
  })
  try {
    await Promise.race([work(), late])
  } finally {
    cancel()
  }
}

async function afterFailure(core: Core, unit: Unit, place: LeasePlace, failure: string, force: boolean): Promise<boolean> {
  const lease = await leaseRecords.read(unit.on(opaqueStore(core)), place.folder, place.suffix)
  if (lease === null || lease.secret === null) return true
  if (force) removeLease(unit, core, place, lease)
  else noteFailure(core, unit, place, lease, lease.secret, failure)
  return force
}

/** Takes a lease and its indexes out, as part of a unit. */
export function removeLease(unit: Unit, core: Core, place: LeasePlace, lease: LeaseRecord): void {
  const opaque = unit.on(opaqueStore(core))
  releaseLease(opaque, lease)
  leaseRecords.remove(opaque, place.folder, place.suffix)
  if (lease.tokenHash !== '') opaque.delete(heldKey(lease.tokenHash, place))
  if (lease.secret !== null) opaque.delete(indexKeyOf(lease.secret, place))
}

/** Where a lease waits: in the index of times, or, when nobody comes for it by himself any more, in that of those. */
const indexKeyOf = (secret: SecretLease, place: LeasePlace): string => (secret.irrevocable ? irrevocableKey(place) : leaseExpiryKey(secret.expiresAt, place))

function noteFailure(core: Core, unit: Unit, place: LeasePlace, lease: LeaseRecord, secret: SecretLease, failure: string): void {
  const failures = secret.failures + 1
  const backoffSeconds = firstBackoffSeconds * 2 ** Math.min(secret.failures, failuresMax)
  const irrevocable = failures >= failuresMax
  leaveToSweeper(core, unit, place, lease, { ...secret, expiresAt: core.host.now() + backoffSeconds * 1000, failures, failure, irrevocable })
}

/** From here on the lease belongs to nobody but the sweeper, which takes it when it is due. */
export function leaveToSweeper(core: Core, unit: Unit, place: LeasePlace, lease: LeaseRecord, secret: SecretLease): void {
  const opaque = unit.on(opaqueStore(core))
  if (lease.tokenHash !== '') opaque.delete(heldKey(lease.tokenHash, place))
  if (lease.secret !== null) opaque.delete(indexKeyOf(lease.secret, place))
  opaque.put(indexKeyOf(secret, place), new Uint8Array(0))
  leaseRecords.write(opaque, { ...lease, tokenHash: '', secret }, place.folder, place.suffix)
}

/** Makes the sweeper revoke a lease with its next pass, for those who cannot wait for an engine. */
export async function queueLease(core: Core, place: LeasePlace): Promise<void> {
  await withUnit(async (unit) => {
    const lease = await leaseRecords.read(unit.on(opaqueStore(core)), place.folder, place.suffix)
    if (lease === null || lease.secret === null) return
    const { secret } = lease
    if (isBeingMade(core, secret)) return leaveToSweeper(core, unit, place, lease, { ...secret, intent: 'abandoned' })
    const expiresAt = secret.failures > 0 ? secret.expiresAt : Math.min(secret.expiresAt, core.host.now())
    leaveToSweeper(core, unit, place, lease, { ...secret, expiresAt })
  })
}

/** What is revoked one after the other, some at once: the secrets of one backend of one mount. */
export async function laneOf(core: Core, secret: SecretLease): Promise<string> {
  const found = await kindOf(core, secret)
  return `${secret.mountUuid} ${found?.kind.backend?.(secret.internal) ?? ''}`
}

/** The engine of a lease: also of a mount that was moved since, or is being disabled. */
async function kindOf(core: Core, { mountPath, mountUuid, kind }: SecretLease): Promise<{ readonly mount: Mount; readonly kind: LeaseKind } | null> {
  const isIt = (mount: Mount | null | undefined): mount is Mount => mount?.record.uuid === mountUuid
  const atPath = await core.mounts.at(mountPath)
  const mount = isIt(atPath) ? atPath : ((await core.mounts.leaving(mountUuid)) ?? (await core.mounts.byUuid(mountUuid)))
  const known = mount?.registered?.engine.leases?.[kind]
  return mount === null || known === undefined ? null : { mount, kind: known }
}
