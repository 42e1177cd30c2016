/**
 * MySQL and MariaDB, by the package `mysql2`. They have no transactions for users: what fails midway is cleared away by the rollback statements, and by
 * the revocation that follows in any case.
 */
import { connect as connectPlain, type Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { ApiError, badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { checkLogin, fillUrl, flagDetail, urlDetail } from '../details.ts'
import { connectionLost, loadPeer, LoginRefused, nameTaken, textOf, Unreachable, unsupportedCredential, type Credential, type Driver, type Login, type Session } from '../driver.ts'
import { speaksOfTls, trustOf } from '../trust.ts'
import { fillStatement, listStatements, mysqlQuoting, type StatementValues } from '../statements.ts'

/** As much of `mysql2` as is used. */
interface Connection {
  query(options: { readonly sql: string; readonly values?: readonly unknown[] }, done: (error: unknown, rows: unknown) => void): void
  ping(done: (error: unknown) => void): void
  on(event: 'error' | 'end', listener: () => void): void
  once(event: 'connect' | 'error', listener: (error?: unknown) => void): void
  destroy(): void
}
interface Mysql {
  readonly default: { readonly createConnection: (options: object) => Connection }
}

/** Of the server: access denied; no such user to alter or drop. */
const accessDenied = 1045
const cannotUser = 1396

const mysqlWith = (plugins: readonly string[], usernameTemplate: string): Driver => ({
  plugins,
  credentialTypes: ['password', 'client_certificate'],
  usernameTemplate,
  secretDetails: ['tls_certificate_key'],
  target(details) {
    const address = parseMysqlUrl(details)
    return { login: address.login, connect: (login, signal) => connect(address, login, signal) }
  },
})

export const mysql = mysqlWith(
  ['mysql-database-plugin', 'mysql-aurora-database-plugin', 'mysql-rds-database-plugin'],
  '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 10) (.RoleName | truncate 10) (random 20) (unix_time) | truncate 32 }}',
)
/** For servers whose names of users are short. */
export const mysqlLegacy = mysqlWith(['mysql-legacy-database-plugin'], '{{ printf "v-%s-%s-%s" (.RoleName | truncate 4) (random 20) | truncate 16 }}')

interface Address {
  readonly login: Login
  readonly socketPath?: string
  readonly host: string
  readonly port: number
  readonly database?: string
  /** Null: in the clear. */
  readonly ssl: ConnectionOptions | null
  readonly shown: string
}

/** `user:password@tcp(host:port)/database?tls=true`, as the driver of Go has it. Throws `bad_request`. */
export function parseMysqlUrl(details: JsonObject): Address {
  const login = checkLogin(details)
  const escape = flagDetail(details, 'disable_escaping') ? (text: string) => text : encodeURIComponent
  // A colon in a name would end it; passwords are not escaped there.
  const text = fillUrl(urlDetail(details), { username: escape(login.username), password: login.password }, (part) => part)
  const found = /^(?:([^@]*?)(?::([\s\S]*))?@)?(?:(tcp|unix)\(([^)]*)\))?\/([^?]*)(?:\?(.*))?$/.exec(text)
  if (found === null) throw badRequest('error creating database object: connection_url: expected user:password@tcp(host:port)/database')
  const [, user, password, network = 'tcp', place = '', database = '', query = ''] = found
  const [host = '', port = ''] = /^(.*?)(?::(\d+))?$/.exec(place)?.slice(1) ?? []
  const ssl = tlsOf(details, new URLSearchParams(query).get('tls') ?? '')
  return {
    login: { username: user === undefined || user === '' ? login.username : decoded(user), password: password ?? login.password },
    ...(network === 'unix' ? { socketPath: place } : {}),
    host: host.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: Number(port || 3306),
    ssl,
    ...(database === '' ? {} : { database }),
    shown: network === 'unix' ? place : `${host}:${port || 3306}`,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const trustDetails = { ca: 'tls_ca', certificate: 'tls_certificate_key', key: 'tls_certificate_key', insecure: 'tls_skip_verify' } as const

/** The words of Go's driver, and Vault's details. Null: in the clear. */
function tlsOf(details: JsonObject, word: string): ConnectionOptions | null {
  if (!['', 'false', 'preferred', 'true', 'skip-verify'].includes(word)) throw badRequest(`error creating database object: connection_url: unknown tls ${JSON.stringify(word)}`)
  if (!speaksOfTls(details, trustDetails) && ['', 'false', 'preferred'].includes(word)) return null
  const trust = trustOf(details, trustDetails)
  return word === 'skip-verify' ? { ...trust, rejectUnauthorized: false } : trust
}

/**
 * What `mysql2` is told of the way to the server. Its TLS compares a certificate with `host`, and only when it is told to; where that is an address, with
 * what Node noted on the socket, or else with `localhost`, which refuses.
 */
function wayTo({ host, port, ssl }: Address): Readonly<Record<string, unknown>> {
  if (ssl === null) return { host, port }
  const name = ssl.servername ?? host
  const stream = (): Socket => Object.assign(connectPlain({ host, port }), { _host: name })
  return { host: name, port, stream, ssl: { ...ssl, verifyIdentity: ssl.rejectUnauthorized !== false } }
}

async function connect(address: Address, login: Login, signal: AbortSignal): Promise<Session> {
  const { socketPath, database, shown } = address
  const { default: { createConnection } } = await loadPeer<Mysql>('mysql2')
  const connection = createConnection({ ...(socketPath === undefined ? wayTo(address) : { socketPath }), ...(database === undefined ? {} : { database }), user: login.username, password: login.password, multipleStatements: true, connectTimeout: 600_000 })
  const line = new Line(connection)
  const stop = (): void => line.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await line.wait((done) => {
      connection.once('connect', () => done(null))
      connection.once('error', (error) => done(error))
    })
  } catch (error) {
    line.close()
    const text = `failed to connect to \`user=${login.username}\`: ${shown}: ${messageOf(error)}`
    throw numberOf(error) === accessDenied ? new LoginRefused(text, { cause: error }) : new Unreachable(text, { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return sessionOf(line, login.username)
}

const numberOf = (error: unknown): number => (typeof error === 'object' && error !== null && 'errno' in error ? Number(error.errno) : 0)
const stateOf = (error: unknown): string => (typeof error === 'object' && error !== null && 'sqlState' in error ? String(error.sqlState ?? '') : '')
const messageOf = (error: unknown): string => (stateOf(error) === '' ? textOf(error) : `Error ${numberOf(error)} (${stateOf(error)}): ${textOf(error)}`)

function failure(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return stateOf(error) === '' ? connectionLost(error) : badRequest(`failed to execute query: ${messageOf(error)}`, { cause: error })
}

/** A connection of which nothing waits for ever: the package forgets whoever waits when it is destroyed. */
class Line {
  readonly #connection: Connection
  readonly #waiting = new Set<(error: Error) => void>()
  isOpen = true

  constructor(connection: Connection) {
    this.#connection = connection
    for (const event of ['error', 'end'] as const) connection.on(event, () => this.close())
  }

  wait<T>(work: (done: (error: unknown, value?: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject)
      work((error, value) => {
        this.#waiting.delete(reject)
        if (error === null || error === undefined) resolve(value as T)
        else reject(error as Error)
      })
    })
  }

  query<T = unknown>(sql: string, values: readonly unknown[] = []): Promise<T> {
    if (!this.isOpen) return Promise.reject(new Error('the connection is closed'))
    return this.wait<T>((done) => this.#connection.query({ sql, ...(values.length === 0 ? {} : { values }) }, (error, rows) => done(error, rows as T)))
  }

  ping(): Promise<void> {
    return this.wait<void>((done) => this.#connection.ping((error) => done(error)))
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#connection.destroy()
    // After those who were told the reason itself.
    setImmediate(() => {
      for (const reject of this.#waiting) reject(new Error('the connection was closed'))
      this.#waiting.clear()
    })
  }
}

function sessionOf(line: Line, self: string): Session {
  const run = async (statements: readonly string[], values: StatementValues): Promise<void> => {
    const filled = listStatements(statements).map((text) => fillStatement(text, values, mysqlQuoting))
    try {
      for (const text of filled) await line.query(text)
    } catch (error) {
      throw failure(error)
    }
  }
  return {
    isOpen: () => line.isOpen,
    check: () => line.ping(),
    async createUser({ username, credential, statements, rollbackStatements, expiresAt }) {
      if (listStatements(statements).length === 0) throw badRequest('empty creation statements')
      const values = { ...namesOf(username), ...credentialOf(credential), expiration: new Date(expiresAt).toISOString().slice(0, 19).replace('T', ' ') }
      if (((await hostsOf(line, username)) ?? []).length > 0) throw nameTaken()
      await run(statements, values).catch(async (error: unknown) => {
        await run(rollbackStatements, values).catch(() => undefined)
        throw error
      })
    },
    dropUser: (username, statements) => dropUser(line, username, listStatements(statements), run),
    async setCredential(username, credential, statements) {
      const values = { ...namesOf(username), ...credentialOf(credential) }
      if (listStatements(statements).length > 0) return await run(statements, values)
      // Of all accounts of its name the one that is logged in here.
      const hosts = username === self ? [await ownHost(line)] : ((await hostsOf(line, username)) ?? ['%'])
      if (hosts.length === 0) throw badRequest(`the user ${JSON.stringify(username)} does not exist`)
      for (const host of hosts) await run([`ALTER USER '{{username}}'@'{{host}}' IDENTIFIED BY '{{password}}'`], { ...values, host })
    },
    // A user has no end of its own there.
    setExpiration: (username, expiresAt, statements) => run(statements, { ...namesOf(username), expiration: new Date(expiresAt).toISOString().slice(0, 19).replace('T', ' ') }),
    close: () => line.close(),
  }
}

const namesOf = (username: string): StatementValues => ({ name: username, username })

function credentialOf(credential: Credential): StatementValues {
  if (credential.type === 'client_certificate') return { subject: credential.subject }
  if (credential.type !== 'password') throw unsupportedCredential(credential.type)
  return { password: credential.password }
}

/** Where a user may come from, one account for each; empty when there is none. Null: the administrator may not look. */
async function hostsOf(line: Line, username: string): Promise<readonly string[] | null> {
  try {
    const rows = await line.query<readonly { readonly Host: string }[]>('SELECT Host FROM mysql.user WHERE User = ?', [username])
    return rows.map(({ Host }) => Host)
  } catch (error) {
    if (stateOf(error) === '') throw connectionLost(error)
    return null
  }
}

/** MariaDB takes `ALTER USER CURRENT_USER()`, and changes nothing. */
async function ownHost(line: Line): Promise<string> {
  try {
    const [row] = await line.query<readonly { readonly me: string }[]>('SELECT CURRENT_USER() AS me')
    return row?.me.slice(row.me.lastIndexOf('@') + 1) ?? '%'
  } catch (error) {
    throw failure(error)
  }
}

async function dropUser(line: Line, username: string, statements: readonly string[], run: (statements: readonly string[], values: StatementValues) => Promise<void>): Promise<void> {
  const hosts = await hostsOf(line, username)
  if (hosts?.length === 0) return
  if (statements.length > 0) {
    return await run(statements, namesOf(username)).catch((error: unknown) => {
      // It cannot be seen whether it is there, and the statements say that it is not.
      if (hosts !== null || !(error instanceof ApiError) || numberOf(error.cause) !== cannotUser) throw error
    })
  }
  for (const host of hosts ?? ['%']) await run([`DROP USER IF EXISTS '{{name}}'@'{{host}}'`], { ...namesOf(username), host })
}
