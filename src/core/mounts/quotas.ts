/** Quotas belong to a mount as its settings do: they move with it, and end with it. */
import { namedStore, opaqueStore, type Base } from '../base.ts'
import { changeLeaseQuota, readLeaseQuotas } from '../leases/quotas.ts'
import { rateLimits } from '../quotas.ts'
import type { Unit } from '../unit.ts'

/** `to`: where the mount at `from` goes, or null when it ends. The unit must bump the generation. */
export async function moveQuotas(base: Base, unit: Unit, from: string, to: string | null): Promise<void> {
  const [named, opaque] = [unit.on(namedStore(base)), unit.on(opaqueStore(base))]
  for (const listed of await named.list('quotas/rate-limit/')) {
    const name = decodeURIComponent(listed)
    const limit = await rateLimits.read(named, name)
    if (limit === null || !limit.path.startsWith(from)) continue
    if (to === null) rateLimits.remove(named, name)
    else rateLimits.write(named, { ...limit, path: to + limit.path.slice(from.length) }, name)
  }
  for (const quota of await readLeaseQuotas(opaque)) {
    if (!quota.path.startsWith(from)) continue
    await changeLeaseQuota(base, opaque, quota.name, to === null ? null : { ...quota, path: to + quota.path.slice(from.length) })
  }
}
