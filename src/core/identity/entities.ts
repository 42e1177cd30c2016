/** Entities, as far as logins need them: one record for each entity and one for each alias, never a table. */
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import type { Base } from '../base.ts'
import { keyedHash } from '../tokens/ids.ts'

export interface EntityRecord {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  readonly policies: readonly string[]
  readonly disabled: boolean
  readonly createdAt: number
  readonly aliases: readonly AliasRecord[]
}

export interface AliasRecord {
  readonly id: string
  readonly entityId: string
  readonly mountAccessor: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  readonly createdAt: number
}

export const entityRecords = records<EntityRecord, [id: string]>((id) => `entity/${id}`)
const aliasRecords = records<AliasRecord, [hash: string]>((hash) => `alias/${hash}`)

const aliasHash = (base: Base, accessor: string, name: string): string => keyedHash(base.barrier.subkey('alias'), `${accessor}\n${name}`)

/**
 * The entity that the alias stands for; the first login makes both. `opaque` is the request's transaction on the opaque store, so
 * that two first logins at once cannot make two entities.
 */
export async function resolveEntity(
  base: Base,
  opaque: Transaction,
  alias: { readonly mountAccessor: string; readonly name: string; readonly metadata: Readonly<Record<string, string>> },
): Promise<EntityRecord> {
  const hash = aliasHash(base, alias.mountAccessor, alias.name)
  const known = await aliasRecords.read(opaque, hash)
  const entity = known === null ? null : await entityRecords.read(opaque, known.entityId)
  if (entity !== null) return entity
  const id = base.host.uuid()
  const now = base.host.now()
  const made: AliasRecord = { id: base.host.uuid(), entityId: id, createdAt: now, ...alias }
  const fresh: EntityRecord = { id, name: `entity_${id.slice(0, 8)}`, metadata: {}, policies: [], disabled: false, createdAt: now, aliases: [made] }
  aliasRecords.write(opaque, made, hash)
  entityRecords.write(opaque, fresh, id)
  return fresh
}
