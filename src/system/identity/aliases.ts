/** `identity/entity-alias`: under which names an entity logs in, and where. */
import { opaqueStore } from '../../core/base.ts'
import { unlinkAlias, withAlias } from '../../core/identity/changes.ts'
import { freshAlias, linkAlias, makeEntity } from '../../core/identity/entities.ts'
import { aliasHash, aliasIds, aliasOwners, entityRecords, type AliasRecord, type EntityRecord } from '../../core/identity/record.ts'
import type { Mount } from '../../core/mounts/table.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, deprecated, integer, optional, text, textMap } from '../../kit/fields.ts'
import { listed, type Data, type Result } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { entityById } from './entities.ts'
import { mountFinder, showAlias, showAliasEntry } from './show.ts'

/** An alias and whom it stands for. */
export interface Owned {
  readonly alias: AliasRecord
  readonly entity: EntityRecord
}

type Asker = Pick<SystemCall, 'core' | 'unit'>

/** The name as logins at the mount come with it. */
const loginName = (mount: Mount | null, name: string): string => (mount?.registered?.engine.foldsNames === true ? name.toLowerCase() : name)

async function ownedBy(call: Asker, owner: { readonly entityId: string } | null, isIt: (alias: AliasRecord) => boolean): Promise<Owned | null> {
  const entity = owner === null ? null : await entityById(call, owner.entityId)
  const alias = entity?.aliases.find(isIt)
  return entity === null || alias === undefined ? null : { alias, entity }
}

export async function aliasById(call: Asker, id: string): Promise<Owned | null> {
  const owner = await aliasIds.read(call.unit.on(opaqueStore(call.core)), id)
  return await ownedBy(call, owner, (alias) => alias.id === id)
}

/** The alias that a login with this name at this mount has. */
export async function aliasByName(call: Asker, mountAccessor: string, name: string): Promise<Owned | null> {
  const { core, unit } = call
  const login = loginName(await core.mounts.byAccessor(mountAccessor), name)
  const owner = await aliasOwners.read(unit.on(opaqueStore(core)), aliasHash(core, mountAccessor, login))
  return await ownedBy(call, owner, (alias) => alias.mountAccessor === mountAccessor)
}

interface Wish {
  readonly name: string
  readonly mountAccessor: string
  /** '': the one that it has, or a new one. */
  readonly entityId: string
  readonly customMetadata: Readonly<Record<string, string>>
}

const customMax = { keys: 64, keyLength: 128, valueLength: 512 }

function checkCustomMetadata(metadata: Readonly<Record<string, string>>): void {
  const entries = Object.entries(metadata)
  const isTooLarge = entries.length > customMax.keys || entries.some(([key, value]) => key === '' || key.length > customMax.keyLength || value.length > customMax.valueLength)
  if (isTooLarge) throw badRequest(`custom_metadata: at most ${customMax.keys} keys of ${customMax.keyLength} and values of ${customMax.valueLength} characters`)
}

async function resolveMount(call: Asker, accessor: string): Promise<Mount> {
  const mount = await call.core.mounts.byAccessor(accessor)
  if (mount === null || mount.record.kind !== 'auth') throw badRequest(`invalid mount accessor ${JSON.stringify(accessor)}`)
  return mount
}

const answer = (alias: AliasRecord, entity: EntityRecord): Data => ({ canonical_id: entity.id, id: alias.id })

async function create(call: Asker, mount: Mount, wish: Wish): Promise<Result> {
  const { core, unit } = call
  const wanted = { mountAccessor: wish.mountAccessor, name: loginName(mount, wish.name), metadata: {}, customMetadata: wish.customMetadata }
  if (wish.entityId === '') {
    const made = await makeEntity(core, unit, wanted)
    return answer(made.aliases[0] as AliasRecord, made)
  }
  const entity = await entityById(call, wish.entityId)
  if (entity === null) throw badRequest('invalid canonical ID')
  if (entity.aliases.some(({ mountAccessor }) => mountAccessor === wish.mountAccessor)) throw badRequest('Alias already exists for requested entity and mount accessor')
  const alias = freshAlias(core, wanted)
  linkAlias(core, unit, alias, entity.id)
  entityRecords.write(unit.on(opaqueStore(core)), withAlias(entity, alias.id, alias), entity.id)
  return answer(alias, entity)
}

async function update(call: Asker, { alias, entity }: Owned, wish: Wish): Promise<Result> {
  const { core, unit } = call
  const mount = await resolveMount(call, wish.mountAccessor)
  const target = wish.entityId === '' || wish.entityId === entity.id ? entity : await entityById(call, wish.entityId)
  if (target === null) throw badRequest("given 'canonical_id' is not associated with an entity")
  const changed = { ...alias, name: loginName(mount, wish.name), mountAccessor: wish.mountAccessor, customMetadata: wish.customMetadata, updatedAt: core.host.now() }
  if (isSame(alias, changed) && target === entity) return null
  if (target.aliases.some((other) => other.id !== alias.id && other.mountAccessor === changed.mountAccessor)) throw badRequest('the entity already has an alias at this mount')
  const other = await aliasByName(call, changed.mountAccessor, changed.name)
  if (other !== null && other.alias.id !== alias.id) throw badRequest('alias with combination of mount accessor and name already exists')
  const opaque = unit.on(opaqueStore(core))
  unlinkAlias(core, unit, alias)
  linkAlias(core, unit, changed, target.id)
  if (target !== entity) entityRecords.write(opaque, withAlias(entity, alias.id, null), entity.id)
  entityRecords.write(opaque, withAlias(target, alias.id, changed), target.id)
  return answer(changed, target)
}

const isSame = (a: AliasRecord, b: AliasRecord): boolean =>
  a.name === b.name && a.mountAccessor === b.mountAccessor && JSON.stringify(a.customMetadata) === JSON.stringify(b.customMetadata)

const fields = {
  name: defaulted(text('The name at the auth method.'), ''),
  mount_accessor: defaulted(text('Accessor of the auth method.'), ''),
  canonical_id: defaulted(text('Id of the entity. Default: the one it has, or a new one.'), ''),
  entity_id: defaulted(deprecated(text('Old name of canonical_id.')), ''),
  custom_metadata: optional(textMap('What is to be known of the alias; templates of policies may use it.')),
}
type Input = Readonly<{ name: string; mount_accessor: string; canonical_id: string; entity_id: string; custom_metadata?: Readonly<Record<string, string>> }>

async function write(call: Asker, id: string, input: Input): Promise<Result> {
  if (input.custom_metadata !== undefined) checkCustomMetadata(input.custom_metadata)
  const entityId = input.canonical_id || input.entity_id
  const wish: Wish = { name: input.name, mountAccessor: input.mount_accessor, entityId, customMetadata: input.custom_metadata ?? {} }
  if (id !== '') {
    const owned = await aliasById(call, id)
    if (owned === null) throw badRequest('invalid alias ID provided')
    const { alias } = owned
    return await update(call, owned, {
      ...wish, name: wish.name || alias.name, mountAccessor: wish.mountAccessor || alias.mountAccessor, customMetadata: input.custom_metadata ?? alias.customMetadata,
    })
  }
  if (wish.name === '' || wish.mountAccessor === '') throw badRequest("'id' or 'mount_accessor' and 'name' must be provided")
  const mount = await resolveMount(call, wish.mountAccessor)
  const known = await aliasByName(call, wish.mountAccessor, wish.name)
  return known === null ? await create(call, mount, wish) : await update(call, known, wish)
}

const createAlias = systemPath('entity-alias').write({
  summary: 'Create an alias, or change the one of this id or name.',
  input: { id: defaulted(text('Id of an alias that is to be changed.'), ''), ...fields },
  handle: async (call) => await write(call, call.input.id, call.input),
})

const byId = systemPath('entity-alias/id/{id}', { id: text('Id of the alias.') })
const byIdOperations = [
  byId.read({
    summary: 'Show an alias.',
    async handle(call) {
      const owned = await aliasById(call, call.params.id)
      return owned === null ? null : { ...(await showAlias(mountFinder(call.core), owned.alias, owned.entity.id)), namespace_id: 'root' }
    },
  }),
  byId.write({ summary: 'Change an alias.', input: fields, handle: async (call) => await write(call, call.params.id, call.input) }),
  byId.delete({
    summary: 'Delete an alias; the next login under its name makes a new entity.',
    async handle(call) {
      const owned = await aliasById(call, call.params.id)
      if (owned === null) return null
      const { core, unit } = call
      unlinkAlias(core, unit, owned.alias)
      entityRecords.write(unit.on(opaqueStore(core)), withAlias(owned.entity, owned.alias.id, null), owned.entity.id)
      return null
    },
  }),
]

const listAliases = systemPath('entity-alias/id').list({
  summary: 'List the aliases by their ids.',
  input: { after: defaulted(text('Only those after this one.'), ''), limit: defaulted(integer('At most so many; 0 or less: all.'), 0) },
  async handle({ core, unit, input: { after, limit } }) {
    const ids = await opaqueStore(core).list('alias-id/', limit > 0 ? { after, limit } : { after })
    const find = mountFinder(core)
    const info: Record<string, Data> = {}
    for (const id of ids) {
      const owned = await aliasById({ core, unit }, id)
      if (owned !== null) info[id] = await showAliasEntry(find, owned.alias, owned.entity.id)
    }
    return listed(ids, info)
  },
})

export const aliasOperations = [createAlias, ...byIdOperations, listAliases]
