/** Renews leases of secrets: within their longest life, and with the consent of the engine that issued them. */
import type { RenewedTerms } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import { expectMounts } from '../generation.ts'
import { lifetimeOf } from '../tokens/lifetime.ts'
import type { Unit } from '../unit.ts'
import { leaseExpiryKey, leaseRecords, type LeasePlace, type LeaseRecord, type SecretLease } from './record.ts'

export interface RenewedLease {
  readonly lease: LeaseRecord & { readonly secret: SecretLease }
  readonly warnings: readonly string[]
}

/** Renews a lease in a unit. `incrementSeconds`: 0 leaves it to the engine. Throws `bad_request` with Vault's texts, and what the engine throws. */
export async function renewLease(core: Core, unit: Unit, place: LeasePlace, incrementSeconds: number): Promise<RenewedLease> {
  const opaque = unit.on(opaqueStore(core))
  const lease = place.suffix === '' ? null : await leaseRecords.read(opaque, place.folder, place.suffix)
  if (lease === null || lease.secret?.intent !== undefined) throw badRequest('lease not found')
  const { secret } = lease
  if (secret === null) throw badRequest('tokens cannot be renewed through this endpoint')
  // One that was to be revoked does not live again because its engine failed.
  if (secret.expiresAt <= core.host.now() || secret.failures > 0) throw badRequest('lease expired')
  const { ttl, warnings, extend } = await newLifetime(core, unit, secret, incrementSeconds)
  const now = core.host.now()
  const expiresAt = Math.min(now + ttl * 1000, secret.endsAt ?? Infinity)
  await extend?.(expiresAt)
  const renewed = { ...lease, secret: { ...secret, expiresAt, lastRenewalAt: now, ttl: Math.round((expiresAt - now) / 1000) } }
  opaque.delete(leaseExpiryKey(secret.expiresAt, place))
  opaque.put(leaseExpiryKey(expiresAt, place), new Uint8Array(0))
  leaseRecords.write(opaque, renewed, place.folder, place.suffix)
  return { lease: renewed, warnings }
}

async function newLifetime(core: Core, unit: Unit, secret: SecretLease, incrementSeconds: number): Promise<ReturnType<typeof lifetimeOf> & Pick<RenewedTerms, 'extend'>> {
  // The engine writes into its mount, which must still be there at the commit.
  await expectMounts(unit.on(opaqueStore(core)))
  const mount = await core.mounts.at(secret.mountPath)
  const kind = mount?.record.uuid === secret.mountUuid ? mount.registered?.engine.leases?.[secret.kind] : undefined
  if (mount === null || kind?.renew === undefined || !secret.renewable) throw badRequest('lease is not renewable')
  const now = core.host.now()
  const terms = await kind.renew({ store: unit.on(mount.store), mount: mount.view, now, internal: secret.internal, incrementSeconds })
  const lifetime = lifetimeOf({
    increment: incrementSeconds, ttl: terms.ttlSeconds, maxTtl: terms.maxTtlSeconds, explicitMaxTtl: 0, period: 0,
    mountDefault: mount.view.defaultLeaseSeconds, mountMax: mount.view.maxLeaseSeconds, issuedAt: secret.issuedAt, now,
  })
  return { ...lifetime, ...(terms.extend === undefined ? {} : { extend: terms.extend }) }
}
