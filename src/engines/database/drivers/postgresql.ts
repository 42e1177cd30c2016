/** PostgreSQL, by the package `pg`: users are roles. Every change is one transaction. */
import { ApiError, badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { textDetail } from '../details.ts'
import {
  asNothingDone, connectionLost, loadPeer, LoginRefused, textOf, Unreachable, unsupportedCredential, type Credential, type Driver, type Login, type NewUser, type Session,
} from '../driver.ts'
import { scramSha256 } from '../scram.ts'
import { fillStatement, listStatements, postgresQuoting, quoteIdentifier, type StatementValues } from '../statements.ts'
import { parsePostgresUrl, type PostgresAddress } from './postgresql-url.ts'
import { repeatTurnedAway } from './turned-away.ts'

/** As much of `pg` as is used. */
interface Client {
  connect(): Promise<void>
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>
  on(event: 'error' | 'end', listener: (error?: Error) => void): void
  readonly connection: { readonly stream: { destroy(): void } }
}
interface Pg {
  readonly default: { readonly Client: new (config: object) => Client }
}

const defaultSetPassword = `ALTER ROLE "{{username}}" WITH PASSWORD '{{password}}'`
const defaultSetExpiration = `ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}'`

/** SQLSTATE classes and codes. */
const wrongPassword = '28P01'
const sessionIsOver = /^(?:08|57P0)/

export const postgresql: Driver = {
  plugins: ['postgresql-database-plugin'],
  credentialTypes: ['password', 'client_certificate'],
  usernameTemplate: '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) (unix_time) | truncate 63 }}',
  secretDetails: ['private_key', 'tls_key'],
  target(details) {
    const address = parsePostgresUrl(details)
    const hashes = passwordIsHashed(details)
    return { login: address.login, connect: (login, signal) => connect(address, login, hashes, signal) }
  },
}

function passwordIsHashed(details: JsonObject): boolean {
  const way = textDetail(details, 'password_authentication', 'password')
  if (way !== 'password' && way !== 'scram-sha-256' && way !== '') throw badRequest(`error creating database object: unknown password_authentication ${JSON.stringify(way)}`)
  return way === 'scram-sha-256'
}

async function connect(address: PostgresAddress, login: Login, hashes: boolean, signal: AbortSignal): Promise<Session> {
  const { default: { Client } } = await loadPeer<Pg>('pg')
  const attempt = async (ssl: PostgresAddress['ssl']): Promise<Session> => {
    const client = new Client({ ...address.server, ssl: ssl ?? false, user: login.username, password: login.password, keepAlive: true })
    const state = watch(client)
    const stop = (): void => client.connection.stream.destroy()
    signal.addEventListener('abort', stop, { once: true })
    try {
      await client.connect()
    } catch (error) {
      stop()
      throw connectFailure(error, address, login)
    } finally {
      signal.removeEventListener('abort', stop)
    }
    return sessionOf(client, state, hashes)
  }
  if (!address.mayBePlain) return await attempt(address.ssl)
  return await attempt(address.ssl).catch((error: unknown) => {
    if (error instanceof Unreachable && /does not support SSL/i.test(error.message)) return attempt(null)
    throw error
  })
}

interface State {
  isOpen: boolean
}

function watch(client: Client): State {
  const state: State = { isOpen: true }
  for (const event of ['error', 'end'] as const) client.on(event, () => (state.isOpen = false))
  return state
}

const codeOf = (error: unknown): string => (typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '')
const isOfServer = (error: unknown): boolean => typeof error === 'object' && error !== null && 'severity' in error

function connectFailure(error: unknown, { shown }: PostgresAddress, { username }: Login): Error {
  const text = `failed to connect to \`user=${username} database=${shown.database}\`: ${shown.host}:${shown.port}: ${textOf(error)}${isOfServer(error) ? ` (SQLSTATE ${codeOf(error)})` : ''}`
  return codeOf(error) === wrongPassword ? new LoginRefused(text, { cause: error }) : new Unreachable(text, { cause: error })
}

/** What the database refused, or what became of the connection. */
function failure(error: unknown): Error {
  if (error instanceof ApiError) return error
  if (isOfServer(error) && !sessionIsOver.test(codeOf(error))) return badRequest(`failed to execute query: ERROR: ${textOf(error)} (SQLSTATE ${codeOf(error)})`, { cause: error })
  return connectionLost(error)
}

function sessionOf(client: Client, state: State, hashes: boolean): Session {
  const inTransaction = async (statements: readonly string[], values: StatementValues): Promise<void> => {
    const filled = listStatements(statements).map((text) => fillStatement(text, values, postgresQuoting))
    await again(() => transaction(client, filled)).catch((error: unknown) => Promise.reject(failure(error)))
  }
  return {
    isOpen: () => state.isOpen,
    check: async () => void (await client.query('SELECT 1')),
    createUser: (user) => inTransaction(checkedCreation(user), { ...namesOf(user.username), ...credentialOf(user.credential, hashes), expiration: timeOf(user.expiresAt) }).catch((error: unknown) => Promise.reject(asNothingDone(error))),
    async dropUser(username, statements) {
      if (!(await exists(client, username))) return
      if (listStatements(statements).length > 0) await inTransaction(statements, namesOf(username))
      else await dropByDefault(client, username).catch((error: unknown) => Promise.reject(failure(error)))
    },
    setCredential: (username, credential, statements) => inTransaction(statements.length > 0 ? statements : [defaultSetPassword], { ...namesOf(username), ...credentialOf(credential, hashes) }),
    setExpiration: (username, expiresAt, statements) => inTransaction(statements.length > 0 ? statements : [defaultSetExpiration], { ...namesOf(username), expiration: timeOf(expiresAt) }),
    close() {
      state.isOpen = false
      client.connection.stream.destroy()
    },
  }
}

async function transaction(client: Client, statements: readonly string[]): Promise<void> {
  try {
    await client.query('BEGIN')
    for (const text of statements) await client.query(text)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Two changed the rights of one thing at once, and this one was turned away: PostgreSQL leaves it to the client to come again. */
const isTurnedAway = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error)) || (codeOf(error) === 'XX000' && /tuple concurrently (?:updated|deleted)/.test(textOf(error)))
const again = <T>(work: () => Promise<T>): Promise<T> => repeatTurnedAway({ isTurnedAway, attemptsMax: 12, stepMs: 5 }, work)

const namesOf = (username: string): StatementValues => ({ name: username, username })

function checkedCreation({ statements }: NewUser): readonly string[] {
  if (listStatements(statements).length === 0) throw badRequest('empty creation statements')
  return statements
}

function credentialOf(credential: Credential, hashes: boolean): StatementValues {
  if (credential.type === 'password') return { password: hashes ? scramSha256(credential.password) : credential.password }
  if (credential.type === 'client_certificate') return { subject: credential.subject }
  throw unsupportedCredential(credential.type)
}

/** `2026-01-02 15:04:05+0000`. */
const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}+0000`

async function exists(client: Client, username: string): Promise<boolean> {
  try {
    return (await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [username])).rows.length > 0
  } catch (error) {
    throw failure(error)
  }
}

/**
 * Where a role has rights to tables, sequences or columns of this database. By the index of what depends on a role: the views of `information_schema` look through all roles, which with
 * a hundred thousand of them takes tens of milliseconds.
 */
const schemasWithGrants = `SELECT DISTINCT n.nspname AS table_schema FROM pg_catalog.pg_shdepend d
  JOIN pg_catalog.pg_class c ON c.oid = d.objid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)
  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`

/** A role cannot go while it has rights. As much of them as possible is taken away, whatever fails of it; names of schemas may hold anything. */
async function dropByDefault(client: Client, username: string): Promise<void> {
  const role = quoteIdentifier(username)
  const { rows: grants } = await client.query(schemasWithGrants, [username])
  const { rows: [database] } = await client.query('SELECT current_database() AS name')
  const schemas = new Set([...grants.map(({ table_schema: schema }) => String(schema)), 'public'].map(quoteIdentifier))
  const revocations = [...schemas].flatMap((schema) => [
    `REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA ${schema} FROM ${role}`,
    `REVOKE ALL PRIVILEGES ON ALL SEQUENCES IN SCHEMA ${schema} FROM ${role}`,
    `REVOKE USAGE ON SCHEMA ${schema} FROM ${role}`,
  ])
  for (const text of [...revocations, `REVOKE CONNECT ON DATABASE ${quoteIdentifier(String(database?.['name']))} FROM ${role}`]) {
    // What it still needs, the last statement says.
    await again(() => client.query(text)).catch((error: unknown) => {
      if (!isOfServer(error)) throw error
    })
  }
  await again(() => client.query(`DROP ROLE IF EXISTS ${role}`))
}
