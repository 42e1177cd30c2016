/** Very many leases, for storms of expiry. */
import type { LeaseTerms } from '../../../kit/result.ts'
import type { Core } from '../../core.ts'
import type { Mount } from '../../mounts/table.ts'
import { findToken } from '../../tokens/find.ts'
import { withUnit } from '../../unit.ts'
import { issueLease } from '../issue.ts'

const perCommit = 1_000

type Terms = Pick<LeaseTerms, 'kind' | 'internal' | 'ttlSeconds'>

/** Makes so many leases of a mount, at 50 roles of it, which the token holds. */
export async function makeLeases(core: Core, mount: Mount, token: string, count: number, termsOf: (i: number) => Terms): Promise<void> {
  const holder = await findToken(core, token)
  if (holder === null) throw new Error('the token that is to hold the leases is not known')
  for (let made = 0; made < count; made += perCommit) await withUnit(async (unit) => {
    for (let i = made; i < Math.min(count, made + perCommit); i++) await issueLease(core, unit, mount, `${mount.view.path}creds/n${i % 50}`, holder, { maxTtlSeconds: 0, renewable: true, ...termsOf(i) })
  })
}
