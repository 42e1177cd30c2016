/** As much of Couchbase's management API as users need: https://docs.couchbase.com/server/current/rest-api/rbac.html */
import { basicUser, startHttpDatabase, type Answer, type Asked } from './http-database.ts'
import type { TestDatabase } from './test-database.ts'

export interface CouchbaseDatabase extends TestDatabase {
  /** Of a user, as the interface takes them. */
  readonly rolesOf: (username: string) => string | undefined
}

const known = /^(?:|(?:ro_admin|admin|data_reader\[[\w:*]+\])(?:,(?:ro_admin|admin|data_reader\[[\w:*]+\]))*)$/

export async function startCouchbase(): Promise<CouchbaseDatabase> {
  const roles = new Map<string, string>()
  const described = { plugin: 'couchbase-database-plugin', creation: ['{"Roles": [{"role": "data_reader", "bucket_name": "app"}, {"role": "ro_admin"}]}'], refused: ['{"roles": [{"role": "nothing"}]}'], halfRotation: [] }
  const db = await startHttpDatabase(described, (url) => ({ hosts: url }), (asked) => answerTo(asked, roles))
  return { ...db, rolesOf: (username) => roles.get(username) }
}

function answerTo(asked: Asked, roles: Map<string, string>): Answer {
  const self = basicUser(asked)
  if (self === null) return { status: 401 }
  if (asked.path === '/whoami') return { status: 200, body: { id: self, domain: self === 'coffer_admin' ? 'admin' : 'local' } }
  const fields = new URLSearchParams(asked.body)
  if (asked.path === '/controller/changePassword') return self === 'coffer_admin' ? changed(asked.users, self, fields) : { status: 400, body: ['not allowed'] }
  const [, name = ''] = /^\/settings\/rbac\/users\/local\/([^/]+)$/.exec(asked.path) ?? []
  return answerUser(asked, decodeURIComponent(name), fields, roles)
}

function changed(users: Map<string, string>, name: string, fields: URLSearchParams): Answer {
  const password = fields.get('password') ?? ''
  if (password.length < 6) return { status: 400, body: { errors: { password: 'The password must be at least 6 characters long.' } } }
  users.set(name, password)
  return { status: 200, body: '""' }
}

function answerUser({ method, users }: Asked, name: string, fields: URLSearchParams, roles: Map<string, string>): Answer {
  // The administrator of the cluster is no user of this list.
  const isThere = users.has(name) && name !== 'coffer_admin'
  if (method === 'DELETE') return isThere && users.delete(name) ? { status: 200, body: '""' } : { status: 404, body: '"User was not found."' }
  if (method === 'GET' && !isThere) return { status: 404, body: '"Unknown user."' }
  if (method === 'GET') {
    const parts = (roles.get(name) ?? '').split(',').filter((role) => role !== '').map((role) => /^(\w+)(?:\[(\w+)\])?$/.exec(role) ?? [])
    return { status: 200, body: { id: name, domain: 'local', groups: [], roles: parts.map(([, role, bucket]) => ({ role, ...(bucket === undefined ? {} : { bucket_name: bucket }), origins: [{ type: 'user' }] })) } }
  }
  if (!known.test(fields.get('roles') ?? '')) return { status: 400, body: { errors: { roles: 'Cannot assign roles to user because the following roles are unknown, malformed or role parameters are undefined' } } }
  const answer = changed(users, name, fields)
  if (answer.status === 200) roles.set(name, fields.get('roles') ?? '')
  return answer
}
