/** Changing entities and aliases: the record and all that leads to it, in one unit. What is refused says so in Vault's words. */
import { badRequest } from '../../kit/errors.ts'
import { namedStore, opaqueStore, type Base } from '../base.ts'
import { unassignablePolicies } from '../policies/builtin.ts'
import type { Unit } from '../unit.ts'
import { freeName } from './entities.ts'
import { aliasHash, aliasIds, aliasOwners, entityNames, entityRecords, mergedEntities, type AliasRecord, type EntityRecord } from './record.ts'

const nameLengthMax = 512

/**
 * Policies as an entity keeps them: folded, without duplicates, sorted. `root` in any spelling is refused (CVE-2024-9180, CVE-2025-5999),
 * as are those that only the core gives.
 */
export function cleanEntityPolicies(names: readonly string[]): readonly string[] {
  const folded = [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))].sort()
  const refused = folded.find((name) => name === 'root' || unassignablePolicies.has(name))
  if (refused !== undefined) throw badRequest(`policies cannot contain ${refused}`)
  return folded
}

/** Writes an entity, new or changed, and keeps its name unique. One without a name gets one. */
export async function saveEntity(base: Base, unit: Unit, before: EntityRecord | null, wanted: EntityRecord): Promise<EntityRecord> {
  const entity = { ...wanted, name: wanted.name === '' ? await freeName(base, unit) : wanted.name, updatedAt: base.host.now() }
  if (before === null || before.name !== entity.name) await takeName(base, unit, before, entity)
  entityRecords.write(unit.on(opaqueStore(base)), entity, entity.id)
  return entity
}

async function takeName(base: Base, unit: Unit, before: EntityRecord | null, { id, name }: EntityRecord): Promise<void> {
  if (name.length > nameLengthMax) throw badRequest(`the name of the entity is longer than ${nameLengthMax} characters`)
  const named = unit.on(namedStore(base))
  const owner = await entityNames.read(named, name)
  if (owner !== null && owner.id !== id) throw badRequest('entity name is already in use')
  if (before !== null) entityNames.remove(named, before.name)
  entityNames.write(named, { id, name }, name)
}

/** Removes an entity with its aliases. From the commit on its tokens, and those of entities that were merged into it, are refused. */
export function removeEntity(base: Base, unit: Unit, entity: EntityRecord): void {
  const opaque = unit.on(opaqueStore(base))
  for (const alias of entity.aliases) unlinkAlias(base, unit, alias)
  for (const id of entity.mergedIds) mergedEntities.remove(opaque, id)
  entityNames.remove(unit.on(namedStore(base)), entity.name)
  entityRecords.remove(opaque, entity.id)
}

export function unlinkAlias(base: Base, unit: Unit, { id, mountAccessor, name }: AliasRecord): void {
  const opaque = unit.on(opaqueStore(base))
  aliasOwners.remove(opaque, aliasHash(base, mountAccessor, name))
  aliasIds.remove(opaque, id)
}

/** Replaces an alias in the record of its entity; `null` takes it out. */
export function withAlias(entity: EntityRecord, id: string, alias: AliasRecord | null): EntityRecord {
  const others = entity.aliases.filter((other) => other.id !== id)
  return { ...entity, aliases: alias === null ? others : [...others, alias] }
}
