/** As much of Elasticsearch's security API as users need: https://www.elastic.co/docs/api/doc/elasticsearch/group/endpoint-security */
import { basicUser, startHttpDatabase, type Answer, type Asked } from './http-database.ts'
import type { TestDatabase } from './test-database.ts'

export interface ElasticDatabase extends TestDatabase {
  /** Names of roles that are there. */
  readonly roles: () => readonly string[]
}

const failed = (status: number, type: string, reason: string): Answer => ({ status, body: { error: { root_cause: [{ type, reason }], type, reason }, status } })
const defined = { elasticsearch_role_definition: { indices: [{ names: ['*'], privileges: ['read'] }] }, elasticsearch_roles: ['viewer'] }

export async function startElasticsearch(): Promise<ElasticDatabase> {
  const roles = new Set(['viewer', 'superuser'])
  const described = { plugin: 'elasticsearch-database-plugin', creation: [JSON.stringify(defined)], refused: [JSON.stringify({ ...defined, elasticsearch_roles: ['../nothing'] })], halfRotation: [] }
  const db = await startHttpDatabase(described, (url) => ({ url }), (asked) => {
    const self = basicUser(asked)
    if (self === null) return failed(401, 'security_exception', 'unable to authenticate user')
    if (asked.path === '/_security/_authenticate') return { status: 200, body: { username: self } }
    const [, kind, name = '', rest] = /^\/_security\/(user|role)\/([^/]+)(?:\/(_password))?$/.exec(asked.path) ?? []
    const decoded = decodeURIComponent(name)
    if (kind === 'role') return answerRole(asked, decoded, roles)
    return kind === 'user' ? answerUser(asked, decoded, rest === '_password', roles) : failed(400, 'illegal_argument_exception', 'no handler')
  })
  return { ...db, roles: () => [...roles] }
}

function answerRole({ method, body }: Asked, name: string, roles: Set<string>): Answer {
  if (method === 'DELETE') return roles.delete(name) ? { status: 200, body: { found: true } } : { status: 404, body: { found: false } }
  const { indices } = JSON.parse(body) as { indices?: unknown }
  if (!Array.isArray(indices)) return failed(400, 'x_content_parse_exception', 'indices expected')
  roles.add(name)
  return { status: 200, body: { role: { created: true } } }
}

function answerUser({ method, body, users }: Asked, name: string, isPassword: boolean, roles: ReadonlySet<string>): Answer {
  if (method === 'GET') return users.has(name) ? { status: 200, body: { [name]: { username: name } } } : { status: 404, body: {} }
  if (method === 'DELETE') return users.delete(name) ? { status: 200, body: { found: true } } : { status: 404, body: { found: false } }
  const { password, roles: wanted = [] } = JSON.parse(body) as { password?: string; roles?: string[] }
  if (password === undefined || password.length < 6) return failed(400, 'action_request_validation_exception', 'passwords must be at least [6] characters long')
  if (isPassword && !users.has(name)) return failed(404, 'validation_exception', 'user must exist in order to change password')
  if (wanted.some((role) => role.includes('/') && !roles.has(role))) return failed(400, 'action_request_validation_exception', 'role names must not contain /')
  users.set(name, password)
  return { status: 200, body: isPassword ? {} : { created: true } }
}
