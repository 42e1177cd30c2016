/** Leases of secrets that are only intended yet: made live once the secret is there, dropped or undone otherwise. */
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import { withUnit, type Unit } from '../unit.ts'
import { leaseExpiryKey, leaseRecords, placeOf, type LeaseRecord, type SecretLease } from './record.ts'
import { askEngine, leaveToSweeper, removeLease, revokeLease } from './revoke.ts'

/** Between the end of what is done outside and its being undone: clocks of processes differ, and the last packet may still be on its way. */
const graceSeconds = 5

export const pendingUntil = (now: number, withinSeconds: number): number => now + (withinSeconds + graceSeconds) * 1000

/** Milliseconds since 1970. */
export const endOf = ({ issuedAt, ttl }: SecretLease): number => issuedAt + ttl * 1000

/** Makes the lease live, as part of a unit. Null: it was revoked meanwhile, and its secret is to be undone. */
export async function activateLease(core: Core, unit: Unit, lease: LeaseRecord): Promise<LeaseRecord | null> {
  const opaque = unit.on(opaqueStore(core))
  const place = placeOf(core, lease.id)
  const current = await leaseRecords.read(opaque, place.folder, place.suffix)
  if (current === null || current.secret === null || current.secret.intent !== 'open') return null
  // Its time is over, and whoever sweeps may be undoing it this moment.
  if (current.secret.expiresAt <= core.host.now()) return null
  const secret = { ...settled(current.secret), expiresAt: endOf(current.secret) }
  const live = { ...current, secret }
  opaque.delete(leaseExpiryKey(current.secret.expiresAt, place))
  opaque.put(leaseExpiryKey(secret.expiresAt, place), new Uint8Array(0))
  leaseRecords.write(opaque, live, place.folder, place.suffix)
  return live
}

function settled(secret: SecretLease): SecretLease {
  const { intent: _, ...rest } = secret
  return rest
}

/** Forgets the intent of a secret that was not made, for certain. */
export async function dropIntent(core: Core, lease: LeaseRecord): Promise<void> {
  const place = placeOf(core, lease.id)
  await withUnit(async (unit) => {
    const current = await leaseRecords.read(unit.on(opaqueStore(core)), place.folder, place.suffix)
    if (current !== null) removeLease(unit, core, place, current)
  })
}

/** Revokes what may have been made, now that nothing is made any more. What fails here the sweeper tries again. */
export async function undoIntent(core: Core, lease: LeaseRecord): Promise<void> {
  const place = placeOf(core, lease.id)
  const isThere = await withUnit(async (unit) => {
    const current = await leaseRecords.read(unit.on(opaqueStore(core)), place.folder, place.suffix)
    if (current === null || current.secret === null) return false
    leaveToSweeper(core, unit, place, current, { ...settled(current.secret), expiresAt: core.host.now() })
    return true
  })
  if (isThere) await revokeLease(core, place)
  // Somebody's clock was ahead, and it was taken for over.
  else if (lease.secret !== null) await withUnit((unit) => askEngine(core, unit, lease.secret as SecretLease))
}
