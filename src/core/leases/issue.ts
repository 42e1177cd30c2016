/** Issues the lease of a secret, as writes of the unit in which the engine made the secret. A batch token cannot be asked later what it holds: its leases end with it (CVE-2020-25816). */
import type { LeaseTerms } from '../../kit/result.ts'
import { opaqueStore, type Base } from '../base.ts'
import type { Mount } from '../mounts/table.ts'
import { randomId } from '../tokens/ids.ts'
import type { TokenRecord } from '../tokens/record.ts'
import type { Unit } from '../unit.ts'
import { writeLease } from './folders.ts'
import { admitLease } from './quotas.ts'
import { heldKey, leaseExpiryKey, placeOf, type LeaseRecord } from './record.ts'

/** `pendingUntil`: the secret is not there yet, and what there is of it by then (milliseconds since 1970) is to be revoked. */
export async function issueLease(base: Base, unit: Unit, mount: Mount, path: string, holder: TokenRecord, terms: LeaseTerms, pendingUntil: number | null = null): Promise<LeaseRecord> {
  const now = base.host.now()
  const endsAt = holder.type === 'batch' && holder.expiresAt > 0 ? holder.expiresAt : null
  const tokenHash = holder.hash
  const maxTtl = Math.min(terms.maxTtlSeconds || mount.view.maxLeaseSeconds, mount.view.maxLeaseSeconds)
  const left = endsAt === null ? Infinity : Math.max(1, Math.floor((endsAt - now) / 1000))
  const ttl = Math.min(terms.ttlSeconds || mount.view.defaultLeaseSeconds, maxTtl, left)
  const opaque = unit.on(opaqueStore(base))
  const expiresAt = pendingUntil ?? now + ttl * 1000
  const lease: LeaseRecord = {
    id: `${path}/${randomId(base.host)}`,
    tokenHash,
    ...(await admitLease(opaque, path)),
    secret: {
      mountPath: mount.record.path, mountUuid: mount.record.uuid, kind: terms.kind, internal: terms.internal,
      issuedAt: now, expiresAt, lastRenewalAt: 0, ttl, maxTtl,
      renewable: terms.renewable, failures: 0, failure: '', irrevocable: false,
      ...(endsAt === null ? {} : { endsAt }),
      ...(pendingUntil === null ? {} : { intent: 'open' as const }),
    },
  }
  const place = placeOf(base, lease.id)
  await writeLease(base, opaque, lease)
  if (tokenHash !== '') opaque.put(heldKey(tokenHash, place), new Uint8Array(0))
  opaque.put(leaseExpiryKey(expiresAt, place), new Uint8Array(0))
  return lease
}
