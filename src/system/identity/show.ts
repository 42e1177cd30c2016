/** How entities and aliases are shown. */
import type { Core } from '../../core/core.ts'
import type { AliasRecord, EntityRecord } from '../../core/identity/record.ts'
import type { Mount } from '../../core/mounts/table.ts'
import type { Data } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'

/** Finds auth mounts by their accessors, each at most once for a request. */
export type MountFinder = (accessor: string) => Promise<Mount | null>

export function mountFinder(core: Core): MountFinder {
  const known = new Map<string, Promise<Mount | null>>()
  return (accessor) => {
    const found = known.get(accessor) ?? core.mounts.byAccessor(accessor)
    known.set(accessor, found)
    return found
  }
}

const orNull = (texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null => (Object.keys(texts).length === 0 ? null : texts)
const listOrNull = (ids: readonly string[]): readonly string[] | null => (ids.length === 0 ? null : ids)

/** Where an alias is from, as far as that is still there. */
async function showMount(find: MountFinder, accessor: string): Promise<Data> {
  const mount = await find(accessor)
  return mount === null ? {} : { mount_path: mount.record.path, mount_type: mount.record.type }
}

/** As lists show it. */
export async function showAliasShort(find: MountFinder, alias: AliasRecord): Promise<Data> {
  return { id: alias.id, mount_accessor: alias.mountAccessor, ...(await showMount(find, alias.mountAccessor)), name: alias.name }
}

/** With whom it belongs to, as the list of aliases shows it: the id is the key there. */
export async function showAliasEntry(find: MountFinder, alias: AliasRecord, entityId: string): Promise<Data> {
  const mount = await find(alias.mountAccessor)
  return {
    canonical_id: entityId, custom_metadata: alias.customMetadata, local: mount?.record.local === true, metadata: orNull(alias.metadata), mount_accessor: alias.mountAccessor,
    ...(await showMount(find, alias.mountAccessor)), name: alias.name,
  }
}

export async function showAlias(find: MountFinder, alias: AliasRecord, entityId: string): Promise<Data> {
  return {
    ...(await showAliasEntry(find, alias, entityId)),
    creation_time: formatTime(alias.createdAt), id: alias.id, last_update_time: formatTime(alias.updatedAt), merged_from_canonical_ids: listOrNull(alias.mergedFromIds),
  }
}

export async function showEntity(find: MountFinder, entity: EntityRecord): Promise<Data> {
  return {
    aliases: await Promise.all(entity.aliases.map((alias) => showAlias(find, alias, entity.id))),
    creation_time: formatTime(entity.createdAt),
    direct_group_ids: [],
    disabled: entity.disabled,
    group_ids: [],
    id: entity.id,
    inherited_group_ids: [],
    last_update_time: formatTime(entity.updatedAt),
    merged_entity_ids: listOrNull(entity.mergedIds),
    metadata: orNull(entity.metadata),
    name: entity.name,
    namespace_id: 'root',
    policies: entity.policies,
  }
}
