/** `identity/lookup/entity`: finding an entity by what is known of it. */
import { badRequest } from '../../kit/errors.ts'
import { optional, text } from '../../kit/fields.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { aliasById, aliasByName } from './aliases.ts'
import { entityById, entityByName } from './entities.ts'
import { mountFinder, showEntity } from './show.ts'
import type { EntityRecord } from '../../core/identity/record.ts'

interface Question {
  readonly id?: string
  readonly name?: string
  readonly alias_id?: string
  readonly alias_name?: string
  readonly alias_mount_accessor?: string
}

/** Exactly one thing may be asked for; a name and a mount are one. */
function checkQuestion(question: Question): void {
  const given = Object.values(question).filter((value) => value !== undefined).length
  const { alias_name: name, alias_mount_accessor: accessor } = question
  if (given === 0) throw badRequest('query parameter not supplied')
  if (given === 1 && (name || accessor)) throw badRequest("both 'alias_name' and 'alias_mount_accessor' needs to be set")
  if (given > 1 && !(given === 2 && name && accessor)) throw badRequest('query parameter conflict; please supply distinct set of query parameters')
}

async function find(call: SystemCall, question: Question): Promise<EntityRecord | null> {
  checkQuestion(question)
  if (question.id) return await entityById(call, question.id)
  if (question.name) return await entityByName(call, question.name)
  if (question.alias_id) return (await aliasById(call, question.alias_id))?.entity ?? null
  const { alias_name: name, alias_mount_accessor: accessor } = question
  return name && accessor ? ((await aliasByName(call, accessor, name))?.entity ?? null) : null
}

export const lookupEntity = systemPath('lookup/entity').write({
  summary: 'Find an entity by its id or name, or by an alias.',
  input: {
    id: optional(text('Id of the entity.')),
    name: optional(text('Name of the entity.')),
    alias_id: optional(text('Id of an alias.')),
    alias_name: optional(text('Name of an alias, together with alias_mount_accessor.')),
    alias_mount_accessor: optional(text('Accessor of the auth method of the alias.')),
  },
  async handle(call) {
    const entity = await find(call, call.input)
    return entity === null ? null : await showEntity(mountFinder(call.core), entity)
  },
})
