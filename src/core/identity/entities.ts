/** Finding entities, and making them at the first login. */
import type { Transaction } from '../../kit/store.ts'
import { namedStore, opaqueStore, type Base } from '../base.ts'
import type { Unit } from '../unit.ts'
import { aliasHash, aliasIds, aliasOwners, entityNames, entityRecords, mergedEntities, type AliasRecord, type EntityRecord } from './record.ts'

type Reader = Pick<Transaction, 'get'>

/** The entity of this id, or the one that it was merged into, or null. */
export async function findEntity(reader: Reader, id: string): Promise<EntityRecord | null> {
  const entity = await entityRecords.read(reader, id)
  if (entity !== null) return entity
  const merged = await mergedEntities.read(reader, id)
  return merged === null ? null : await entityRecords.read(reader, merged.into)
}

/** What an auth method says of who logs in. */
export interface LoginAlias {
  readonly mountAccessor: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * The entity that the alias stands for; the first login makes both. In the unit of the login, so that two first logins at once cannot make
 * two entities.
 */
export async function resolveEntity(base: Base, unit: Unit, alias: LoginAlias): Promise<EntityRecord> {
  const opaque = unit.on(opaqueStore(base))
  const hash = aliasHash(base, alias.mountAccessor, alias.name)
  const owner = await aliasOwners.read(opaque, hash)
  const entity = owner === null ? null : await entityRecords.read(opaque, owner.entityId)
  if (entity === null) return await makeEntity(base, unit, { ...alias, customMetadata: {} })
  const known = entity.aliases.find(({ mountAccessor }) => mountAccessor === alias.mountAccessor)
  if (known === undefined || isSame(known.metadata, alias.metadata)) return entity
  const now = base.host.now()
  const renewed = { ...entity, aliases: entity.aliases.map((other) => (other === known ? { ...known, metadata: alias.metadata, updatedAt: now } : other)) }
  entityRecords.write(opaque, renewed, renewed.id)
  return renewed
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key])
}

export type NewAlias = Pick<AliasRecord, 'mountAccessor' | 'name' | 'metadata' | 'customMetadata'>

export function freshAlias(base: Base, alias: NewAlias): AliasRecord {
  const now = base.host.now()
  return { id: base.host.uuid(), ...alias, createdAt: now, updatedAt: now, mergedFromIds: [] }
}

/** Without a name of its own until it is saved. */
export function freshEntity(base: Base): EntityRecord {
  const now = base.host.now()
  return { id: base.host.uuid(), name: '', metadata: {}, policies: [], disabled: false, createdAt: now, updatedAt: now, aliases: [], mergedIds: [] }
}

/** A new entity, named by chance, that has nothing but this alias. */
export async function makeEntity(base: Base, unit: Unit, alias: NewAlias): Promise<EntityRecord> {
  const opaque = unit.on(opaqueStore(base))
  const made = freshAlias(base, alias)
  const entity: EntityRecord = { ...freshEntity(base), name: await freeName(base, unit), aliases: [made] }
  entityRecords.write(opaque, entity, entity.id)
  entityNames.write(unit.on(namedStore(base)), { id: entity.id, name: entity.name }, entity.name)
  linkAlias(base, unit, made, entity.id)
  return entity
}

/** Makes an alias lead to an entity. */
export function linkAlias(base: Base, unit: Unit, { id, mountAccessor, name }: AliasRecord, entityId: string): void {
  const opaque = unit.on(opaqueStore(base))
  aliasOwners.write(opaque, { entityId }, aliasHash(base, mountAccessor, name))
  aliasIds.write(opaque, { entityId }, id)
}

/** A name that no entity has. That it is free becomes something that the commit depends on. */
export async function freeName(base: Base, unit: Unit): Promise<string> {
  for (;;) {
    const name = `entity_${Buffer.from(base.host.random(6)).toString('hex')}.root`
    if ((await entityNames.read(unit.on(namedStore(base)), name)) === null) return name
  }
}
