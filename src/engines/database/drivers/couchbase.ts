/** Couchbase, by its management API over HTTP: https://docs.couchbase.com/server/current/rest-api/rbac.html */
import { badRequest } from '../../../kit/errors.ts'
import { isJsonObject } from '../../../kit/fields.ts'
import type { Json, JsonObject } from '../../../kit/json.ts'
import type { HttpAnswer } from '../../outbound/http.ts'
import { flagDetail, textDetail } from '../details.ts'
import { nameTaken, passwordOf, type Driver, type Login, type Session } from '../driver.ts'
import { listStatements, parseJsonStatement } from '../statements.ts'
import { httpTrust, trustOf } from '../trust.ts'
import { basicAuth, beginningOf, form, HttpLine, jsonOf, pathPart, requestSeconds, type HttpPlace } from './http.ts'

/** Vault's, for who gives no statement. */
const defaultRights = '{"Roles": [{"role": "ro_admin"}]}'
const [plainPort, tlsPort] = [8091, 18091]

export const couchbase: Driver = {
  plugins: ['couchbase-database-plugin'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "V_%s_%s_%s_%s" (.DisplayName | uppercase | truncate 64) (.RoleName | uppercase | truncate 64) (random 20 | uppercase) (unix_time) | truncate 128 }}',
  secretDetails: [],
  target(details) {
    const place = placeOf(details)
    const login = { username: textDetail(details, 'username'), password: textDetail(details, 'password') }
    if (login.username === '') throw bad('username cannot be empty')
    return { login, connect: (as, signal) => connect(place, as, signal) }
  },
}

const bad = (what: string): Error => badRequest(`error creating database object: ${what}`)

/** `couchbase://a,b`: the first host is asked, at the port of the management API unless it names one. */
function placeOf(details: JsonObject): HttpPlace {
  const [, scheme = '', host = ''] = /^(?:(couchbases?|https?):\/\/)?([^,/]+)/.exec(textDetail(details, 'hosts').trim()) ?? []
  if (host === '') throw bad('hosts cannot be empty')
  const isTls = flagDetail(details, 'tls') || scheme === 'couchbases' || scheme === 'https'
  const text = `${isTls ? 'https' : 'http'}://${host}`
  if (!URL.canParse(text)) throw bad('hosts is no list of hosts')
  const base = new URL(text)
  if (base.username !== '' || base.password !== '') throw bad('hosts may not hold a user or a password')
  if (base.port === '') base.port = String(isTls ? tlsPort : plainPort)
  const ca = Buffer.from(textDetail(details, 'base64pem'), 'base64').toString('utf8')
  const trust = trustOf({ ...details, base64pem: ca }, { ca: 'base64pem', certificate: '', key: '', insecure: 'insecure_tls' })
  return { base, tls: httpTrust(trust), seconds: requestSeconds(details) }
}

/** A list of texts, or `{"errors": {"field": "reason"}}`. */
function refusalIn(answer: HttpAnswer): string {
  const body = jsonOf(answer)
  const reasons = Array.isArray(body) ? body : isJsonObject(body) && isJsonObject(body['errors']) ? Object.values(body['errors']) : []
  return reasons.filter((reason) => typeof reason === 'string').join('; ').slice(0, 500) || beginningOf(answer)
}

const userPath = (username: string): string => `/settings/rbac/users/local/${pathPart(username)}`

async function connect(place: HttpPlace, login: Login, signal: AbortSignal): Promise<Session> {
  const line = new HttpLine(place, () => basicAuth(login), refusalIn)
  await line.logIn(login, { method: 'GET', path: '/whoami' }, signal)
  return sessionOf(line, login.username)
}

function sessionOf(line: HttpLine, self: string): Session {
  return {
    isOpen: () => line.isOpen,
    check: async () => void (await line.must({ method: 'GET', path: '/whoami' })),
    async createUser({ username, credential, statements }) {
      const statement = parseJsonStatement(listStatements(statements).length === 0 ? [defaultRights] : statements, 'creation_statements')
      if (username === self || (await line.must({ method: 'GET', path: userPath(username) }, [404])).status !== 404) throw nameTaken()
      await line.must({ method: 'PUT', path: userPath(username), ...form({ password: passwordOf(credential), ...rightsOf(statement) }) })
    },
    dropUser: async (username) => void (await line.must({ method: 'DELETE', path: userPath(username) }, [404])),
    async setCredential(username, credential) {
      const password = passwordOf(credential)
      // Whoever is logged in changes its own password there, the administrator that the cluster was made with too.
      if (username === self) return void (await line.must({ method: 'POST', path: '/controller/changePassword', ...form({ password }) }))
      // A PUT says all of a user: what it may do is asked first.
      const found = await line.must({ method: 'GET', path: userPath(username) })
      await line.must({ method: 'PUT', path: userPath(username), ...form({ password, ...rightsIn(jsonOf(found)) }) })
    },
    // A user has no end of its own there.
    setExpiration: async () => undefined,
    close: () => line.close(),
  }
}

/** `{"roles": [{"role": "data_reader", "bucket_name": "app"}], "groups": ["g"]}`, in any case of the two. */
function rightsOf(statement: JsonObject): Readonly<Record<string, string>> {
  const [roles, groups] = [statement['roles'] ?? statement['Roles'] ?? [], statement['groups'] ?? statement['Groups'] ?? []]
  if (!Array.isArray(roles) || !Array.isArray(groups)) throw badRequest('creation_statements: roles and groups are lists')
  return { roles: roles.map(roleText).join(','), groups: groups.map(String).join(',') }
}

/** `data_reader[app:scope:collection]`. */
function roleText(role: Json): string {
  if (!isJsonObject(role) || typeof role['role'] !== 'string') throw badRequest('creation_statements: a role is an object with the name of a "role"')
  const place = ['bucket_name', 'scope_name', 'collection_name'].map((name) => role[name]).filter((part) => part !== undefined && part !== '')
  return `${role['role']}${place.length === 0 ? '' : `[${place.map(String).join(':')}]`}`
}

/** Of a user as it is: roles that it has by itself, not by a group. */
function rightsIn(user: Json): Readonly<Record<string, string>> {
  if (!isJsonObject(user)) return {}
  const roles = Array.isArray(user['roles']) ? user['roles'].filter((role) => isJsonObject(role) && isOwn(role['origins'])) : []
  return { roles: roles.map(roleText).join(','), groups: Array.isArray(user['groups']) ? user['groups'].map(String).join(',') : '' }
}

const isOwn = (origins: Json | undefined): boolean => !Array.isArray(origins) || origins.some((origin) => isJsonObject(origin) && origin['type'] === 'user')
