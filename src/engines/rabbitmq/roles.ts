/** `roles/`: what users may do. */
import { badRequest } from '../../kit/errors.ts'
import { anything, defaulted, isJsonObject, nameText, text } from '../../kit/fields.ts'
import { parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { listPage, pageFields } from '../walk.ts'
import { roles, type Permission, type Role } from './records.ts'

const isEmpty = (given: Json): boolean => given === '' || given === null

/** JSON in a text, as Vault has it, or the object itself. Throws `bad_request`. */
function parseMap(field: string, given: Json): JsonObject {
  if (isEmpty(given)) return {}
  let value = given
  try {
    if (typeof given === 'string') value = parseJson(given)
  } catch (cause) {
    throw badRequest(`failed to unmarshal ${field}: it is not JSON`, { cause })
  }
  if (!isJsonObject(value)) throw badRequest(`failed to unmarshal ${field}: expected an object`)
  return value
}

function textsOf<K extends string>(field: string, given: Json | undefined, names: readonly K[]): Record<K, string> {
  if (!isJsonObject(given)) throw badRequest(`failed to unmarshal ${field}: expected permissions as an object`)
  const read = (name: K): string => {
    const value = Object.hasOwn(given, name) ? given[name] : ''
    if (typeof value !== 'string') throw badRequest(`failed to unmarshal ${field}: ${name} must be a text`)
    return value
  }
  const unknown = Object.keys(given).find((name) => !(names as readonly string[]).includes(name))
  if (unknown !== undefined) throw badRequest(`failed to unmarshal ${field}: there is no permission ${JSON.stringify(unknown)}`)
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<K, string>
}

const mapped = <T>(given: JsonObject, each: (value: Json | undefined) => T): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [name, each(value)]))

function parseTopics(given: Json): Role['topics'] {
  return mapped(parseMap('vhost_topics', given), (exchanges) => {
    if (!isJsonObject(exchanges)) throw badRequest('failed to unmarshal vhost_topics: expected exchanges as an object')
    return mapped(exchanges, (permission) => textsOf('vhost_topics', permission, ['write', 'read']))
  })
}

const permissionsOf = (given: Json | undefined): Permission => textsOf('vhosts', given, ['configure', 'write', 'read'])

const role = path('roles/{name}', { name: nameText('Name of the role.') })

const write = role.write({
  summary: 'Create or replace a role.',
  input: {
    tags: defaulted(text('Tags of the users, separated by commas: `management`, `monitoring` …'), ''),
    vhosts: defaulted(anything('Permissions by virtual host: an object, or one as JSON in a text: `{"/": {"configure": "", "write": ".*", "read": ".*"}}`.'), ''),
    vhost_topics: defaulted(anything('Permissions for topics by virtual host and exchange: `{"/": {"amq.topic": {"write": ".*", "read": ".*"}}}`.'), ''),
  },
  exists: async ({ params, store }) => (await roles.read(store, params.name)) !== null,
  handle({ params, input, store }) {
    if (input.tags === '' && isEmpty(input.vhosts)) throw badRequest('both tags and vhosts not specified')
    roles.write(store, { tags: input.tags, vhosts: mapped(parseMap('vhosts', input.vhosts), permissionsOf), topics: parseTopics(input.vhost_topics) }, params.name)
    return null
  },
})

const read = role.read({
  summary: 'Show a role.',
  async handle({ params, store }) {
    const found = await roles.read(store, params.name)
    return found === null ? null : { tags: found.tags, vhosts: found.vhosts, vhost_topics: found.topics }
  },
})

const remove = role.delete({
  summary: 'Delete a role. Its users live on until their leases end.',
  handle({ params, store }) {
    roles.remove(store, params.name)
    return null
  },
})

const list = path('roles').list({ summary: 'List the roles.', input: pageFields, handle: async ({ store, input }) => listed(await listPage(store, 'role/', input)) })

export const roleOperations = [list, write, read, remove]
