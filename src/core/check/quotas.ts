/** Lease count quotas: each counter is the number of leases that say they are of it, and each lease is of the quota that holds for it. */
import { opaqueStore, type Base } from '../base.ts'
import { leaseCounts, readLeaseCount, readLeaseQuotas, tally } from '../leases/quotas.ts'
import { namesUnder, type Findings } from './findings.ts'

export async function checkQuotas(base: Base, findings: Findings): Promise<void> {
  const store = opaqueStore(base)
  const quotas = new Set((await readLeaseQuotas(store)).map(({ id }) => id))
  // Leases of a quota that has changed say so until they are counted anew.
  const isCounting = (await store.list('lease-recount/', { limit: 1 })).length > 0
  const counted = await tally(base)
  for (const id of quotas) findings.expect((await readLeaseCount(store, id)) === (counted.get(id) ?? 0), leaseCounts.key(id), 'is not the number of leases')
  for (const id of counted.keys()) findings.expect(quotas.has(id) || isCounting, `lease-count/${id}`, 'has leases, but is of no quota')
  for await (const id of namesUnder(store, 'lease-count/')) findings.expect(quotas.has(id), `lease-count/${id}`, 'is of no quota')
}
