/** How a token is shown: by looking it up, and by renewing it. */
import type { Core } from '../../core/core.ts'
import { findEntity } from '../../core/identity/entities.ts'
import { opaqueStore } from '../../core/base.ts'
import type { TokenRecord } from '../../core/tokens/record.ts'
import type { Data } from '../../kit/result.ts'
import { shownCidrs } from '../cidrs.ts'
import { formatTime } from '../../kit/time.ts'

const unix = (ms: number): number => Math.floor(ms / 1000)

/** `id` is '' where the token was named by its accessor: an accessor must not turn into a token. */
export async function showToken(core: Core, record: TokenRecord, id: string): Promise<Data> {
  const entity = record.entityId === '' ? null : await findEntity(opaqueStore(core), record.entityId)
  return {
    accessor: record.accessor,
    ...(record.boundCidrs.length === 0 ? {} : { bound_cidrs: shownCidrs(record.boundCidrs) }),
    creation_time: unix(record.createdAt),
    creation_ttl: record.creationTtl,
    display_name: record.displayName,
    entity_id: record.entityId,
    expire_time: record.expiresAt === 0 ? null : formatTime(record.expiresAt),
    explicit_max_ttl: record.explicitMaxTtl,
    id,
    ...(entity === null || entity.policies.length === 0 ? {} : { external_namespace_policies: {}, identity_policies: entity.policies }),
    issue_time: formatTime(record.issuedAt),
    ...(record.lastRenewalAt === 0 ? {} : { last_renewal: formatTime(record.lastRenewalAt), last_renewal_time: unix(record.lastRenewalAt) }),
    meta: record.metadata,
    num_uses: usesShown(record),
    orphan: record.parent === null,
    path: record.path,
    ...(record.period === 0 ? {} : { period: record.period }),
    policies: record.policies,
    renewable: record.renewable,
    ...(record.role === '' ? {} : { role: record.role }),
    ttl: record.expiresAt === 0 ? 0 : Math.max(0, unix(record.expiresAt) - unix(core.host.now())),
    type: record.type,
  }
}

/** -1 during the last use, as Vault shows it. */
const usesShown = (record: TokenRecord): number => (record.numUses === 0 ? 0 : record.usesLeft === 0 ? -1 : record.usesLeft)

/** The auth block of a token that is there already. `id` is '' for one named by its accessor. */
export const authOf = (record: TokenRecord, id: string): Data => ({
  client_token: id,
  accessor: record.accessor,
  policies: record.policies,
  token_policies: record.policies,
  metadata: record.metadata,
  lease_duration: record.ttl,
  renewable: record.renewable,
  entity_id: record.entityId,
  token_type: record.type,
  orphan: record.parent === null,
  mfa_requirement: null,
  num_uses: record.numUses,
})
