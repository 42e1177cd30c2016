/** Second stage: who asks. A token that is unknown, expired, revoked, used from the wrong place or of a disabled entity makes nobody of the caller. */
import type { Core } from '../core/core.ts'
import type { EntityRecord } from '../core/identity/record.ts'
import { aclFor, findStanding } from '../core/identity/standing.ts'
import type { Acl } from '../core/policies/acl.ts'
import { findToken } from '../core/tokens/find.ts'
import type { TokenRecord } from '../core/tokens/record.ts'
import { mayComeFrom } from '../core/tokens/uses.ts'
import type { CallerView } from '../kit/operation.ts'
import type { WireRequest } from './wire.ts'

export interface Caller {
  readonly id: string
  readonly record: TokenRecord
  readonly entity: EntityRecord | null
  readonly acl: Acl
  readonly view: CallerView
}

const views = new WeakMap<TokenRecord, CallerView>()

/** The caller, or null. What is derived from a token's record is kept with the very object, which lives as long as the stored version. */
export async function identify(core: Core, wire: WireRequest): Promise<Caller | null> {
  if (wire.token === null) return null
  const record = await findToken(core, wire.token)
  if (record === null || !mayComeFrom(record, wire.remoteAddress)) return null
  const standing = await findStanding(core, record)
  if (standing === null) return null
  return { id: wire.token, record, entity: standing.entity, acl: await aclFor(core.policies, record, standing), view: viewOf(record) }
}

function viewOf(record: TokenRecord): CallerView {
  const known = views.get(record)
  if (known !== undefined) return known
  const made: CallerView = Object.freeze({
    cubbyholeId: record.cubbyholeId === '' ? null : record.cubbyholeId,
    accessor: record.accessor,
    displayName: record.displayName,
    entityId: record.entityId,
    policies: record.policies,
    isRoot: record.policies.includes('root'),
  })
  // The record of a batch token is made for each request.
  if (record.type !== 'batch') views.set(record, made)
  return made
}
