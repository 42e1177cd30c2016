/** `identity/`: the entities that logins make, as far as they can be looked at. */
import { opaqueStore } from '../../core/base.ts'
import { entityRecords, type EntityRecord } from '../../core/identity/entities.ts'
import { engine } from '../../kit/engine.ts'
import { text } from '../../kit/fields.ts'
import type { Data } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath } from '../call.ts'

const show = (entity: EntityRecord): Data => ({
  aliases: entity.aliases.map((alias) => ({
    canonical_id: entity.id, creation_time: formatTime(alias.createdAt), id: alias.id, metadata: alias.metadata, mount_accessor: alias.mountAccessor, name: alias.name,
  })),
  creation_time: formatTime(entity.createdAt),
  disabled: entity.disabled,
  id: entity.id,
  metadata: entity.metadata,
  name: entity.name,
  policies: entity.policies,
})

const byId = systemPath('entity/id/{id}', { id: text('Id of the entity.') }).read({
  summary: 'Show an entity.',
  async handle({ core, params }) {
    const entity = await entityRecords.read(opaqueStore(core), params.id)
    return entity === null ? null : show(entity)
  },
})

export const identity = engine({ type: 'identity', kind: 'system', summary: 'Who stands behind tokens.', operations: [byId] })
