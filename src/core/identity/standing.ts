/** What an entity means for a token of its: whether it may act at all, the policies that are added, and who policies see in it. */
import type { Transaction } from '../../kit/store.ts'
import { opaqueStore, type Base } from '../base.ts'
import type { Acl } from '../policies/acl.ts'
import type { PolicyTable } from '../policies/table.ts'
import type { IdentityView } from '../policies/template.ts'
import type { TokenRecord } from '../tokens/record.ts'
import { findEntity } from './entities.ts'
import type { EntityRecord } from './record.ts'

/** Null: the token may do nothing, because its entity is disabled or deleted. */
export type Standing = { readonly entity: EntityRecord | null } | null

const alone: Standing = Object.freeze({ entity: null })

export async function findStanding(base: Base, { entityId }: TokenRecord, reader: Pick<Transaction, 'get'> = opaqueStore(base)): Promise<Standing> {
  if (entityId === '') return alone
  const entity = await findEntity(reader, entityId)
  return entity === null || entity.disabled ? null : { entity }
}

/** Sorted. An entity never gives `root` (CVE-2025-5999), whatever its record says. */
function policiesWith(own: readonly string[], entity: EntityRecord | null): readonly string[] {
  if (entity === null || entity.policies.length === 0) return own
  return [...new Set([...own, ...entity.policies.filter((name) => name !== 'root')])].sort()
}

const views = new WeakMap<EntityRecord, IdentityView>()

/** As templates see it: the same object for as long as the record stays the same. */
export function identityOf(entity: EntityRecord): IdentityView {
  const known = views.get(entity)
  if (known !== undefined) return known
  const { id, name, metadata, aliases } = entity
  const view: IdentityView = Object.freeze({ entity: { id, name, metadata, aliases }, groups: [] })
  views.set(entity, view)
  return view
}

/** The rules for a token whose standing was found. */
export const aclFor = (policies: PolicyTable, record: TokenRecord, { entity }: NonNullable<Standing>): Promise<Acl> =>
  policies.aclOf(policiesWith(record.policies, entity), entity === null ? null : identityOf(entity))

/** The rules for any token: none at all for one that may do nothing. */
export async function aclOfToken(base: Base & { readonly policies: PolicyTable }, record: TokenRecord): Promise<Acl> {
  const standing = await findStanding(base, record)
  return standing === null ? await base.policies.aclOf([]) : await aclFor(base.policies, record, standing)
}
