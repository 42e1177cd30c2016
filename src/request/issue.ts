/** What a result leads to: the token of a login, the lease of a secret. Both become writes of the same unit. */
import type { Core } from '../core/core.ts'
import { resolveEntity } from '../core/identity/entities.ts'
import type { EntityRecord } from '../core/identity/record.ts'
import { issueLease } from '../core/leases/issue.ts'
import type { LeaseRecord } from '../core/leases/record.ts'
import { cleanPolicies, createToken, type MadeToken } from '../core/tokens/create.ts'
import { lifetimeOf } from '../core/tokens/lifetime.ts'
import type { Unit } from '../core/unit.ts'
import { badRequest, permissionDenied } from '../kit/errors.ts'
import type { LeaseTerms, Login } from '../kit/result.ts'
import type { Caller } from './identify.ts'
import type { Resolved } from './input.ts'
import type { Spent } from './spend.ts'

export interface IssuedAuth {
  readonly token: MadeToken
  readonly identityPolicies: readonly string[]
  readonly warnings: readonly string[]
}

/** Makes the token of a login. Only the core does: what an auth method returns are terms. */
export async function issueLogin(core: Core, unit: Unit, target: Resolved, login: Login, loginRole: string): Promise<IssuedAuth> {
  if (login.policies.some((name) => name.trim().toLowerCase() === 'root')) throw badRequest('auth methods cannot create root tokens')
  const entity = login.alias === null ? null : await entityOf(core, unit, target, login.alias)
  if (entity?.disabled === true) throw permissionDenied()
  const { view } = target.mount
  const now = core.host.now()
  const { ttl, warnings } = lifetimeOf({
    increment: 0, ttl: login.ttlSeconds ?? 0, maxTtl: login.maxTtlSeconds ?? 0,
    explicitMaxTtl: login.explicitMaxTtlSeconds ?? 0, period: login.periodSeconds ?? 0,
    mountDefault: view.defaultLeaseSeconds, mountMax: view.maxLeaseSeconds, issuedAt: now, now,
  })
  const type = tokenTypeOf(login, target)
  if (type === 'batch' && (login.numUses ?? 0) > 0) throw badRequest('batch tokens cannot have a limited number of uses')
  const token = await createToken(core, unit, {
    type, path: target.path, displayName: displayNameOf(target, login.displayName),
    policies: cleanPolicies(login.policies, login.noDefaultPolicy !== true),
    metadata: login.metadata ?? null, numUses: login.numUses ?? 0, ttl,
    explicitMaxTtl: login.explicitMaxTtlSeconds ?? 0, period: login.periodSeconds ?? 0,
    renewable: login.renewable !== false, parent: null, entityId: entity?.id ?? '',
    loginRole, boundCidrs: login.boundCidrs ?? [], mountAccessor: view.accessor, internal: { ...login.internal, maxTtl: login.maxTtlSeconds ?? 0 },
  })
  return { token, identityPolicies: entity?.policies ?? [], warnings }
}

async function entityOf(core: Core, unit: Unit, target: Resolved, alias: NonNullable<Login['alias']>): Promise<EntityRecord> {
  const { accessor } = target.mount.view
  return await resolveEntity(core, unit, { mountAccessor: accessor, name: alias.name, metadata: alias.metadata ?? {} })
}

/** What the role asks for, unless the mount insists: `service` and `batch` there win over anything. */
function tokenTypeOf(login: Login, { mount }: Resolved): 'service' | 'batch' {
  const ofMount = mount.record.config.token_type ?? 'default-service'
  if (ofMount === 'service' || ofMount === 'batch') return ofMount
  const ofRole = login.tokenType ?? 'default'
  if (ofRole === 'service' || ofRole === 'batch') return ofRole
  return (ofRole === 'default' ? ofMount : ofRole) === 'default-batch' ? 'batch' : 'service'
}

function displayNameOf({ mount }: Resolved, name: string): string {
  const source = mount.record.path.replace(/^auth\//, '').replaceAll('/', '-')
  return `${source}${name}`.replace(/-$/, '')
}

/** Writes the lease of a secret. A caller whose token just spent its last use could never keep it, so nothing is issued. */
export async function issueSecret(core: Core, unit: Unit, target: Resolved, caller: Caller | null, spent: Spent, terms: LeaseTerms, pendingUntil: number | null = null): Promise<LeaseRecord> {
  if (caller === null) throw permissionDenied()
  if (spent === 'last') throw badRequest('Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.')
  return await issueLease(core, unit, target.mount, target.path, caller.record, terms, pendingUntil)
}
