/** `identity/entity`: making, changing, showing, listing, merging and deleting entities, by id or by name. */
import { namedStore, opaqueStore } from '../../core/base.ts'
import { cleanEntityPolicies, removeEntity, saveEntity } from '../../core/identity/changes.ts'
import { freshEntity } from '../../core/identity/entities.ts'
import { mergeEntity } from '../../core/identity/merge.ts'
import { entityNames, entityNamesFolder, entityRecords, type EntityRecord } from '../../core/identity/record.ts'
import { badRequest } from '../../kit/errors.ts'
import { anyCase, defaulted, flag, integer, list, optional, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { listed, type Data, type Result } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { mountFinder, showAliasShort, showEntity } from './show.ts'

const fields = {
  metadata: optional(textMap('What is known of the entity; templates of policies may use it.')),
  policies: optional(list('Policies that every token of the entity has besides its own; never root.')),
  disabled: optional(flag('Whether its tokens and logins are refused.')),
}
const id = text('Id of the entity.')
const name = text('Name of the entity; upper and lower case do not differ.')
const pageFields = { after: defaulted(text('Only those after this one.'), ''), limit: defaulted(integer('At most so many; 0 or less: all.'), 0) }
/** Entities that one request may delete or merge. */
const manyMax = 1_000

type Asker = Pick<SystemCall, 'core' | 'unit'>

export const entityById = ({ core, unit }: Asker, wanted: string): Promise<EntityRecord | null> => entityRecords.read(unit.on(opaqueStore(core)), wanted)

export async function entityByName(call: Asker, wanted: string): Promise<EntityRecord | null> {
  const found = await entityNames.read(call.unit.on(namedStore(call.core)), wanted)
  return found === null ? null : await entityById(call, found.id)
}

/** Creates or changes. `before` is the entity that was named by its id. */
async function write(call: Asker, before: EntityRecord | null, wantedName: string, input: ValuesOf<typeof fields>): Promise<Result> {
  const base = before ?? (wantedName === '' ? null : await entityByName(call, wantedName))
  const from = base ?? freshEntity(call.core)
  const saved = await saveEntity(call.core, call.unit, base, {
    ...from,
    name: wantedName === '' ? from.name : wantedName,
    metadata: input.metadata ?? from.metadata,
    policies: input.policies === undefined ? from.policies : cleanEntityPolicies(input.policies),
    disabled: input.disabled ?? from.disabled,
  })
  return base === null ? { aliases: null, id: saved.id, name: saved.name } : null
}

async function resolveById(call: Asker, wanted: string): Promise<EntityRecord> {
  const found = await entityById(call, wanted)
  if (found === null) throw badRequest('entity not found from id')
  return found
}

const show = async ({ core }: Asker, entity: EntityRecord | null): Promise<Result> => (entity === null ? null : await showEntity(mountFinder(core), entity))

function remove({ core, unit }: Asker, entity: EntityRecord | null): null {
  if (entity !== null) removeEntity(core, unit, entity)
  return null
}

const create = systemPath('entity').write({
  summary: 'Create an entity, or change the one of this id or name.',
  input: { id: defaulted(id, ''), name: defaulted(name, ''), ...fields },
  async handle(call) {
    const { input } = call
    return await write(call, input.id === '' ? null : await resolveById(call, input.id), input.name, input)
  },
})

const byId = systemPath('entity/id/{id}', { id })
const byIdOperations = [
  byId.read({ summary: 'Show an entity.', handle: async (call) => await show(call, await entityById(call, call.params.id)) }),
  byId.write({
    summary: 'Change an entity.',
    input: { name: defaulted(name, ''), ...fields },
    handle: async (call) => await write(call, await resolveById(call, call.params.id), call.input.name, call.input),
  }),
  byId.delete({ summary: 'Delete an entity with its aliases; its tokens are refused from then on.', handle: async (call) => remove(call, await entityById(call, call.params.id)) }),
]

const byName = systemPath('entity/name/{name*}', { name: anyCase(name) })
const byNameOperations = [
  byName.read({ summary: 'Show an entity.', handle: async (call) => await show(call, await entityByName(call, call.params.name)) }),
  byName.write({ summary: 'Create or change an entity.', input: fields, handle: async (call) => await write(call, null, call.params.name, call.input) }),
  byName.delete({ summary: 'Delete an entity with its aliases; its tokens are refused from then on.', handle: async (call) => remove(call, await entityByName(call, call.params.name)) }),
]

const pageOf = ({ after, limit }: ValuesOf<typeof pageFields>): { after: string; limit?: number } => (limit > 0 ? { after, limit } : { after })

const listIds = systemPath('entity/id').list({
  summary: 'List the entities by their ids.',
  input: pageFields,
  async handle({ core, input }) {
    const store = opaqueStore(core)
    const ids = await store.list('entity/', pageOf(input))
    const find = mountFinder(core)
    const info: Record<string, Data> = {}
    for (const key of ids) {
      const entity = await entityRecords.read(store, key)
      if (entity === null) continue
      const aliases = await Promise.all(entity.aliases.map((alias) => showAliasShort(find, alias)))
      info[key] = { name: entity.name, ...(aliases.length === 0 ? {} : { aliases }) }
    }
    return listed(ids, info)
  },
})

const listNames = systemPath('entity/name').list({
  summary: 'List the entities by their names.',
  input: pageFields,
  async handle({ core, input }) {
    const store = namedStore(core)
    const after = input.after.toLowerCase().replaceAll('%', '%25').replaceAll('/', '%2F')
    const names: string[] = []
    for (const key of await store.list(entityNamesFolder, pageOf({ ...input, after }))) {
      const entry = await store.get(entityNamesFolder + key)
      if (entry !== null) names.push(entityNames.decode(entry).name)
    }
    return listed(names)
  },
})

const batchDelete = systemPath('entity/batch-delete').write({
  summary: 'Delete several entities.',
  input: { entity_ids: defaulted(list('Their ids.'), []) },
  async handle(call) {
    const ids = new Set(call.input.entity_ids)
    if (ids.size === 0) throw badRequest('missing entity ids to delete')
    if (ids.size > manyMax) throw badRequest(`entity_ids: more than ${manyMax}`)
    for (const one of ids) remove(call, await entityById(call, one))
    return null
  },
})

const merge = systemPath('entity/merge').write({
  summary: 'Merge entities into one: their aliases and tokens become its own.',
  input: {
    from_entity_ids: defaulted(list('Entities that go.'), []),
    to_entity_id: defaulted(text('The entity that is left.'), ''),
    conflicting_alias_ids_to_keep: defaulted(list('Aliases to keep where two entities have one at the same mount.'), []),
    force: optional(flag('Has no meaning here: it is about second factors.')),
  },
  async handle(call) {
    const from = new Set(call.input.from_entity_ids)
    const { to_entity_id: to, conflicting_alias_ids_to_keep: keep } = call.input
    if (to === '') throw badRequest('missing entity id to merge to')
    if (from.size === 0) throw badRequest('missing entity ids to merge from')
    if (from.size > manyMax) throw badRequest(`from_entity_ids: more than ${manyMax}`)
    if (from.has(to)) throw badRequest('to_entity_id should not be present in from_entity_ids')
    let target = await entityById(call, to)
    if (target === null) throw badRequest('entity id to merge to is invalid')
    for (const one of from) {
      const source = await entityById(call, one)
      if (source === null) throw badRequest('entity id to merge from is invalid')
      target = mergeEntity(call.core, call.unit, source, target, new Set(keep))
    }
    return null
  },
})

export const entityOperations = [create, ...byIdOperations, ...byNameOperations, listIds, listNames, batchDelete, merge]
