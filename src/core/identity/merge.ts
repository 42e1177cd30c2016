/** Merging entities: the aliases move to the one that is left, and so do the tokens, which keep showing the entity that they were made for. */
import { badRequest } from '../../kit/errors.ts'
import { namedStore, opaqueStore, type Base } from '../base.ts'
import type { Unit } from '../unit.ts'
import { unlinkAlias } from './changes.ts'
import { linkAlias } from './entities.ts'
import { entityNames, entityRecords, mergedEntities, type AliasRecord, type EntityRecord } from './record.ts'

/**
 * Merges `from` into `to` and returns what `to` is then. Where both have an alias at one mount, `keep` must name the one that stays. Policies,
 * metadata and the name of `from` are lost.
 */
export function mergeEntity(base: Base, unit: Unit, from: EntityRecord, to: EntityRecord, keep: ReadonlySet<string>): EntityRecord {
  const opaque = unit.on(opaqueStore(base))
  const aliases = new Map(to.aliases.map((alias) => [alias.mountAccessor, alias]))
  for (const moving of from.aliases) {
    const staying = aliases.get(moving.mountAccessor)
    unlinkAlias(base, unit, moving)
    if (staying !== undefined && !isToMove(moving, staying, keep)) continue
    if (staying !== undefined) unlinkAlias(base, unit, staying)
    const moved = { ...moving, mergedFromIds: [...moving.mergedFromIds, from.id] }
    aliases.set(moved.mountAccessor, moved)
    linkAlias(base, unit, moved, to.id)
  }
  for (const id of [from.id, ...from.mergedIds]) mergedEntities.write(opaque, { into: to.id }, id)
  entityNames.remove(unit.on(namedStore(base)), from.name)
  entityRecords.remove(opaque, from.id)
  const merged = { ...to, aliases: [...aliases.values()], mergedIds: [...to.mergedIds, from.id, ...from.mergedIds], updatedAt: base.host.now() }
  entityRecords.write(opaque, merged, merged.id)
  return merged
}

function isToMove(moving: AliasRecord, staying: AliasRecord, keep: ReadonlySet<string>): boolean {
  if (keep.has(staying.id)) return false
  if (keep.has(moving.id)) return true
  throw badRequest(`both entities have an alias at the mount ${moving.mountAccessor}; name ${moving.id} or ${staying.id} in conflicting_alias_ids_to_keep`)
}
