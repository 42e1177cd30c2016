/** Revokes and renews leases of secrets through the engine that issued them. A failure is kept in the lease and tried again later. */
import { badRequest, Conflict } from '../../kit/errors.ts'
import type { LeaseKind } from '../../kit/engine.ts'
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import type { Mount } from '../mounts/table.ts'
import { withUnit, type Unit } from '../unit.ts'
import { heldKey, leaseExpiryKey, leaseRecords, type LeasePlace, type LeaseRecord, type SecretLease } from './record.ts'

/** Tries before a lease is irrevocable, and the wait after the first failure, doubled each time: seconds. */
const failuresMax = 6
const firstBackoffSeconds = 10

/** What the engine of a lease says of why it could not revoke. */
class EngineFailure extends Error {
  override readonly name = 'EngineFailure'
}

/**
 * Revokes a lease. False: its engine could not, which is noted in the lease, and tried again later. `force`: the lease goes even if the engine fails.
 * Throws only when the store does: then nothing is noted.
 */
export async function revokeLease(core: Core, place: LeasePlace, force = false): Promise<boolean> {
  try {
    await withUnit((unit) => revokeIn(core, unit, place))
    return true
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error
    return await withUnit((unit) => afterFailure(core, unit, place, error.message, force))
  }
}

async function revokeIn(core: Core, unit: Unit, place: LeasePlace): Promise<void> {
  const lease = await leaseRecords.read(unit.on(opaqueStore(core)), place.folder, place.suffix)
  if (lease === null || lease.secret === null) return
  const found = await kindOf(core, lease.secret)
  // Forgetting it would leave the secret valid, and nobody would know.
  if (found === null) throw new EngineFailure('the engine that issued it is not there')
  const { internal } = lease.secret
  const call = { store: unit.on(found.mount.store), mount: found.mount.view, now: core.host.now(), internal, incrementSeconds: 0 }
  await found.kind.revoke(call).catch((error: unknown) => {
    if (error instanceof Conflict) throw error
    throw new EngineFailure(error instanceof Error ? error.message : 'failed', { cause: error })
  })
  removeLease(unit, core, place, lease)
}

async function afterFailure(core: Core, unit: Unit, place: LeasePlace, failure: string, force: boolean): Promise<boolean> {
  const lease = await leaseRecords.read(unit.on(opaqueStore(core)), place.folder, place.suffix)
  if (lease === null || lease.secret === null) return true
  if (force) removeLease(unit, core, place, lease)
  else noteFailure(core, unit, place, lease, lease.secret, failure)
  return force
}

function removeLease(unit: Unit, core: Core, place: LeasePlace, lease: LeaseRecord): void {
  const opaque = unit.on(opaqueStore(core))
  leaseRecords.remove(opaque, place.folder, place.suffix)
  if (lease.tokenHash !== '') opaque.delete(heldKey(lease.tokenHash, place))
  if (lease.secret !== null) opaque.delete(leaseExpiryKey(lease.secret.expiresAt, place))
}

function noteFailure(core: Core, unit: Unit, place: LeasePlace, lease: LeaseRecord, secret: SecretLease, failure: string): void {
  const opaque = unit.on(opaqueStore(core))
  const failures = secret.failures + 1
  const irrevocable = failures >= failuresMax
  const expiresAt = core.host.now() + firstBackoffSeconds * 1000 * 2 ** secret.failures
  opaque.delete(leaseExpiryKey(secret.expiresAt, place))
  if (!irrevocable) opaque.put(leaseExpiryKey(expiresAt, place), new Uint8Array(0))
  leaseRecords.write(opaque, { ...lease, secret: { ...secret, expiresAt, failures, failure, irrevocable } }, place.folder, place.suffix)
}

async function kindOf(core: Core, secret: SecretLease): Promise<{ readonly mount: Mount; readonly kind: LeaseKind } | null> {
  const mount = (await core.mounts.at(secret.mountPath)) ?? (await core.mounts.leaving(secret.mountUuid))
  const kind = mount?.record.uuid === secret.mountUuid ? mount.registered?.engine.leases?.[secret.kind] : undefined
  return mount === null || kind === undefined ? null : { mount, kind }
}

/** Renews a lease in a unit and returns it as it is then. Throws `bad_request` with Vault's texts. */
export async function renewLease(core: Core, unit: Unit, place: LeasePlace, incrementSeconds: number): Promise<LeaseRecord & { readonly secret: SecretLease }> {
  const opaque = unit.on(opaqueStore(core))
  const lease = await leaseRecords.read(opaque, place.folder, place.suffix)
  if (lease === null) throw badRequest('lease not found')
  const secret = lease.secret
  if (secret === null) throw badRequest('tokens cannot be renewed through this endpoint')
  const now = core.host.now()
  if (secret.expiresAt <= now) throw badRequest('lease expired')
  if (!secret.renewable) throw badRequest('lease is not renewable')
  const found = await kindOf(core, secret)
  if (found === null || found.kind.renew === undefined) throw badRequest('lease is not renewable')
  const { internal } = secret
  const terms = await found.kind.renew({ store: unit.on(found.mount.store), mount: found.mount.view, now, internal, incrementSeconds })
  const latest = secret.issuedAt + terms.maxTtlSeconds * 1000
  const expiresAt = Math.min(now + (incrementSeconds || terms.ttlSeconds) * 1000, latest, secret.endsAt ?? Infinity)
  const renewed = { ...lease, secret: { ...secret, expiresAt, lastRenewalAt: now, ttl: Math.round((expiresAt - now) / 1000) } }
  opaque.delete(leaseExpiryKey(secret.expiresAt, place))
  opaque.put(leaseExpiryKey(expiresAt, place), new Uint8Array(0))
  leaseRecords.write(opaque, renewed, place.folder, place.suffix)
  return renewed
}
