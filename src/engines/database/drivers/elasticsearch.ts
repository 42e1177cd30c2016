/** Elasticsearch and OpenSearch, over HTTP: users have roles, which are there already or made for one user. */
import { badRequest } from '../../../kit/errors.ts'
import { isJsonObject } from '../../../kit/fields.ts'
import type { Json, JsonObject } from '../../../kit/json.ts'
import { parseBaseUrl, type HttpAnswer } from '../../outbound/http.ts'
import { flagDetail, textDetail } from '../details.ts'
import { nameTaken, passwordOf, textOf, type Driver, type Login, type Session } from '../driver.ts'
import { parseJsonStatement } from '../statements.ts'
import { httpTrust, trustOf } from '../trust.ts'
import { basicAuth, beginningOf, HttpLine, json, jsonOf, pathPart, requestSeconds, type HttpPlace, type Question } from './http.ts'
import { repeatTurnedAway } from './turned-away.ts'

const trustDetails = { ca: 'ca_cert', certificate: 'client_cert', key: 'client_key', insecure: 'insecure' } as const
const usernameTemplate = '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) (unix_time) | truncate 100 }}'

/** What the two call the same things. */
interface Dialect {
  /** Fields of the statement. */
  readonly rolesField: string
  readonly definitionField: string
  /** Who is logged in. */
  readonly whoAmI: string
  readonly userPath: (username: string) => string
  readonly rolePath: (role: string) => string
  readonly createUser: (password: string, roles: readonly Json[]) => JsonObject
  readonly setPassword: (username: string, password: string) => Question
}

/** https://www.elastic.co/docs/api/doc/elasticsearch/group/endpoint-security; up to version 6 below `_xpack`. */
function elastic(prefix: string): Dialect {
  const userPath = (username: string): string => `${prefix}/user/${pathPart(username)}`
  return {
    rolesField: 'elasticsearch_roles',
    definitionField: 'elasticsearch_role_definition',
    whoAmI: `${prefix}/_authenticate`,
    userPath,
    rolePath: (role) => `${prefix}/role/${pathPart(role)}`,
    createUser: (password, roles) => ({ password, roles }),
    setPassword: (username, password) => ({ method: 'POST', path: `${userPath(username)}/_password`, ...json({ password }) }),
  }
}

const openSearchApi = '/_plugins/_security/api'
/** https://docs.opensearch.org/latest/security/access-control/api/ */
const openSearch: Dialect = {
  rolesField: 'opensearch_roles',
  definitionField: 'opensearch_role_definition',
  whoAmI: '/_plugins/_security/authinfo',
  userPath: (username) => `${openSearchApi}/internalusers/${pathPart(username)}`,
  rolePath: (role) => `${openSearchApi}/roles/${pathPart(role)}`,
  createUser: (password, roles) => ({ password, opendistro_security_roles: roles }),
  setPassword: (username, password) => ({ method: 'PATCH', path: `${openSearchApi}/internalusers/${pathPart(username)}`, headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ op: 'add', path: '/password', value: password }]) }),
}

const driverOf = (plugin: string, dialectOf: (details: JsonObject) => Dialect): Driver => ({
  plugins: [plugin],
  credentialTypes: ['password'],
  usernameTemplate,
  secretDetails: ['client_key'],
  target(details) {
    const base = parseBaseUrl(textDetail(details, 'url'), 'error creating database object: url')
    for (const name of ['ca_path', 'client_cert_path']) if (textDetail(details, name) !== '') throw badRequest(`error creating database object: ${name} names files of the server, which are not read; give the text as ${name === 'ca_path' ? 'ca_cert' : 'client_cert'}`)
    const place = { base, tls: httpTrust(trustOf(details, trustDetails)), seconds: requestSeconds(details) }
    const login = { username: textDetail(details, 'username'), password: textDetail(details, 'password') }
    if (login.username === '') throw badRequest('error creating database object: username must be provided')
    const dialect = dialectOf(details)
    return { login, connect: (as, signal) => connect(place, dialect, as, signal) }
  },
})

export const elasticsearch = driverOf('elasticsearch-database-plugin', (details) => elastic(flagDetail(details, 'use_old_xpack') ? '/_xpack/security' : '/_security'))
export const opensearch = driverOf('opensearch-database-plugin', () => openSearch)

/** `{"error": {"reason": …}}`, `{"message": …}` or `{"reason": …}`. */
function refusalIn(answer: HttpAnswer): string {
  const body = jsonOf(answer)
  if (!isJsonObject(body)) return beginningOf(answer)
  const inner = isJsonObject(body['error']) ? body['error'] : body
  return String(inner['reason'] ?? inner['message'] ?? beginningOf(answer)).slice(0, 500)
}

async function connect(place: HttpPlace, dialect: Dialect, login: Login, signal: AbortSignal): Promise<Session> {
  const line = new HttpLine(place, () => basicAuth(login), refusalIn)
  await line.logIn(login, { method: 'GET', path: dialect.whoAmI }, signal)
  return sessionOf(line, dialect, login)
}

/** OpenSearch keeps all users in one document, and turns away whoever changes it at the same time as somebody else. */
const isTurnedAway = (error: unknown): boolean => /: 409: .*version conflict/.test(textOf(error))
const again = <T>(work: () => Promise<T>): Promise<T> => repeatTurnedAway({ isTurnedAway, attemptsMax: 40, stepMs: 10 }, work)

function sessionOf(line: HttpLine, dialect: Dialect, { username: self }: Login): Session {
  const { userPath, rolePath } = dialect
  const must = (question: Question, also: readonly number[] = []): Promise<HttpAnswer> => again(() => line.must(question, also))
  return {
    isOpen: () => line.isOpen,
    check: async () => void (await must({ method: 'GET', path: dialect.whoAmI })),
    async createUser({ username, credential, statements }) {
      const { roles, definition } = rightsOf(statements, dialect)
      if ((await must({ method: 'GET', path: userPath(username) }, [404])).status !== 404) throw nameTaken()
      if (definition !== null) await must({ method: 'PUT', path: rolePath(username), ...json(definition) })
      try {
        await must({ method: 'PUT', path: userPath(username), ...json(dialect.createUser(passwordOf(credential), definition === null ? roles : [...roles, username])) })
      } catch (error) {
        if (definition !== null) await line.ask({ method: 'DELETE', path: rolePath(username) }).catch(() => undefined)
        throw error
      }
    },
    // The role that may have been made with it has its name.
    async dropUser(username) {
      await must({ method: 'DELETE', path: userPath(username) }, [404])
      await must({ method: 'DELETE', path: rolePath(username) }, [404])
    },
    async setCredential(username, credential) {
      // Nobody becomes a user by being given a password.
      if (username !== self) await must({ method: 'GET', path: userPath(username) })
      await must(dialect.setPassword(username, passwordOf(credential)))
    },
    // A user has no end of its own there.
    setExpiration: async () => undefined,
    close: () => line.close(),
  }
}

function rightsOf(statements: readonly string[], { rolesField, definitionField }: Dialect): { readonly roles: readonly Json[]; readonly definition: JsonObject | null } {
  const statement = parseJsonStatement(statements, 'creation_statements')
  const [roles, definition] = [statement[rolesField], statement[definitionField]]
  if (roles !== undefined && !(Array.isArray(roles) && roles.every((role) => typeof role === 'string'))) throw badRequest(`${rolesField}: expected a list of names`)
  if (definition !== undefined && !isJsonObject(definition)) throw badRequest(`${definitionField}: expected the definition of a role`)
  if (roles === undefined && definition === undefined) throw badRequest(`creation_statements: ${rolesField} or ${definitionField} must be given`)
  return { roles: Array.isArray(roles) ? roles : [], definition: isJsonObject(definition) ? definition : null }
}
