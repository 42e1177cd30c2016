/** Issues the lease of a secret, as writes of the unit in which the engine made the secret. */
import type { LeaseTerms } from '../../kit/result.ts'
import { opaqueStore, type Base } from '../base.ts'
import type { Mount } from '../mounts/table.ts'
import { randomId } from '../tokens/ids.ts'
import type { Unit } from '../unit.ts'
import { writeLease } from './folders.ts'
import { heldKey, leaseExpiryKey, placeOf, type LeaseRecord } from './record.ts'

export async function issueLease(base: Base, unit: Unit, mount: Mount, path: string, tokenHash: string, terms: LeaseTerms): Promise<LeaseRecord> {
  const now = base.host.now()
  const maxTtl = Math.min(terms.maxTtlSeconds || mount.view.maxLeaseSeconds, mount.view.maxLeaseSeconds)
  const ttl = Math.min(terms.ttlSeconds || mount.view.defaultLeaseSeconds, maxTtl)
  const lease: LeaseRecord = {
    id: `${path}/${randomId(base.host)}`,
    tokenHash,
    secret: {
      mountPath: mount.record.path, mountUuid: mount.record.uuid, kind: terms.kind, internal: terms.internal,
      issuedAt: now, expiresAt: now + ttl * 1000, lastRenewalAt: 0, ttl, maxTtl,
      renewable: terms.renewable, failures: 0, failure: '', irrevocable: false,
    },
  }
  const opaque = unit.on(opaqueStore(base))
  const place = placeOf(base, lease.id)
  await writeLease(base, opaque, lease)
  opaque.put(heldKey(tokenHash, place), new Uint8Array(0))
  opaque.put(leaseExpiryKey(now + ttl * 1000, place), new Uint8Array(0))
  return lease
}
