/** MongoDB, by the package `mongodb`: users are kept in a database, `admin` unless a statement names another. */
import { badRequest } from '../../../kit/errors.ts'
import { flag, integer, isJsonObject } from '../../../kit/fields.ts'
import { parseJson, type Json, type JsonObject } from '../../../kit/json.ts'
import { checkLogin, fillUrl, flagDetail, limitsOf, textDetail, urlDetail } from '../details.ts'
import { asNothingDone, connectionLost, loadPeer, LoginRefused, textOf, Unreachable, whileOpen, passwordOf, type Driver, type Login, type Session } from '../driver.ts'
import { parseJsonStatement } from '../statements.ts'
import { trustOf } from '../trust.ts'

/** As much of `mongodb` as is used. */
interface Client {
  connect(): Promise<unknown>
  db(name: string): { command(command: object): Promise<Readonly<Record<string, unknown>>> }
  close(): Promise<void>
}
interface MongoDb {
  readonly default: { readonly MongoClient: new (url: string, options: object) => Client }
}

/** https://www.mongodb.com/docs/manual/reference/error-codes/ */
const userNotFound = 11
const authenticationFailed = 18

const trustDetails = { ca: 'tls_ca', certificate: 'tls_certificate_key', key: 'tls_certificate_key', insecure: 'tls_insecure' } as const

export const mongodb: Driver = {
  plugins: ['mongodb-database-plugin'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) (unix_time) | replace "." "-" | truncate 100 }}',
  secretDetails: ['tls_certificate_key'],
  target(details) {
    const address = addressOf(details)
    return { login: address.login, connect: (login, signal) => connect(address, login, signal) }
  },
}

interface Address {
  readonly login: Login
  /** Without user and password. */
  readonly url: string
  readonly hosts: string
  /** Where the login is kept. */
  readonly source: string
  readonly options: Readonly<Record<string, unknown>>
  readonly writeConcern: object | null
}

const bad = (what: string): Error => badRequest(`error creating database object: connection_url: ${what}`)

/** Options that would read files or the environment of the server, or send the login to somebody else. */
const refusedOptions = /^(?:tlsCAFile|tlsCertificateKeyFile|tlsCertificateFile|tlsCRLFile|sslCA|sslCert|sslKey|sslCRL|tlsCertificateKeyFilePassword|proxy\w+|authMechanismProperties)$/i
const mechanisms: ReadonlySet<string> = new Set(['DEFAULT', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN', 'MONGODB-X509'])

/** Throws `bad_request`. */
export function addressOf(details: JsonObject): Address {
  const given = checkLogin(details)
  const escape = flagDetail(details, 'disable_escaping') ? (text: string) => text : encodeURIComponent
  const found = /^(mongodb(?:\+srv)?):\/\/(?:([^@/]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(fillUrl(urlDetail(details), given, escape))
  if (found === null) throw bad('expected mongodb://user:password@host:port/database')
  const [, scheme, user, hosts = '', database = '', query = ''] = found
  const options = new URLSearchParams(query)
  for (const name of options.keys()) if (refusedOptions.test(name)) throw bad(`${name} is not taken; texts of certificates are tls_ca and tls_certificate_key`)
  if (!mechanisms.has(options.get('authMechanism') ?? 'DEFAULT')) throw bad('unknown authMechanism')
  if (textDetail(details, 'tls_min_version') !== '') throw badRequest('error creating database object: tls_min_version: its driver takes none')
  const { rejectUnauthorized, ...trust } = trustOf(details, trustDetails)
  const [name, password] = user === undefined ? [] : partsOf(user)
  return {
    login: { username: name ?? given.username, password: password ?? given.password },
    url: `${scheme}://${hosts}/${database}${query === '' ? '' : `?${query}`}`,
    hosts,
    source: options.get('authSource') ?? (database || 'admin'),
    options: {
      ...trust, ...(rejectUnauthorized === false ? { tlsInsecure: true } : {}), ...(trust.ca === undefined && trust.cert === undefined ? {} : { tls: true }),
      // Sooner than the pool gives up, so that the reason is known.
      serverSelectionTimeoutMS: limitsOf(details).connectSeconds * 800, maxPoolSize: 1, appName: 'coffer', retryWrites: false,
    },
    writeConcern: writeConcernOf(textDetail(details, 'write_concern')),
  }
}

function partsOf(user: string): readonly [string, string | undefined] {
  const [name = '', password] = user.split(':')
  try {
    return [decodeURIComponent(name), password === undefined ? undefined : decodeURIComponent(password)]
  } catch {
    throw bad('a percent sign that escapes nothing')
  }
}

/** JSON, or JSON in base64, as Vault has it: `{"w": "majority", "wtimeout": 5000}`. */
function writeConcernOf(text: string): object | null {
  if (text === '') return null
  const plain = text.trimStart().startsWith('{') ? text : Buffer.from(text, 'base64').toString('utf8')
  try {
    const { w, wmode, wtimeout, j } = parseJson(plain) as JsonObject
    const count = (value: Json | undefined): Json | undefined => (typeof value === 'string' || value === undefined ? value : integer('').parse(value))
    const given = { w: count(wmode ?? w), wtimeout: count(wtimeout), j: j === undefined ? j : flag('').parse(j) }
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  } catch (cause) {
    throw badRequest('error creating database object: write_concern: expected a JSON object', { cause })
  }
}

const codeOf = (error: unknown): number => (typeof error === 'object' && error !== null && 'code' in error ? Number(error.code) : 0)
/** The server's own no; what comes of the connection has other names. */
const isOfServer = (error: unknown): boolean => error instanceof Error && error.name === 'MongoServerError'

async function connect(address: Address, login: Login, signal: AbortSignal): Promise<Session> {
  const { default: { MongoClient } } = await loadPeer<MongoDb>('mongodb')
  const auth = login.username === '' ? {} : { auth: login, authSource: address.source }
  const client = new MongoClient(address.url, { ...address.options, ...auth })
  const end = new AbortController()
  const stop = (): void => {
    end.abort()
    void client.close().catch(() => undefined)
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    await whileOpen(end.signal, () => client.connect())
    await whileOpen(end.signal, () => client.db(address.source).command({ ping: 1 }))
  } catch (error) {
    stop()
    const text = `failed to connect to \`user=${login.username}\`: ${address.hosts}: ${textOf(error)}`
    throw codeOf(error) === authenticationFailed ? new LoginRefused(text, { cause: error }) : new Unreachable(text, { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return sessionOf(client, end.signal, stop, address)
}

function sessionOf(client: Client, end: AbortSignal, close: () => void, { source, writeConcern }: Address): Session {
  const run = async (database: string, command: object, isFine: (error: unknown) => boolean = () => false): Promise<void> => {
    try {
      await whileOpen(end, () => client.db(database).command({ ...command, ...(writeConcern === null ? {} : { writeConcern }) }))
    } catch (error) {
      if (isFine(error)) return
      throw isOfServer(error) ? badRequest(`failed to execute command: ${textOf(error)}`, { cause: error }) : connectionLost(error)
    }
  }
  return {
    isOpen: () => !end.aborted,
    check: async () => void (await whileOpen(end, () => client.db(source).command({ ping: 1 }))),
    async createUser({ username, credential, statements }) {
      const { db, roles } = creationOf(statements)
      await run(db, { createUser: username, pwd: passwordOf(credential), roles }).catch((error: unknown) => Promise.reject(asNothingDone(error)))
    },
    dropUser: async (username, statements) => await run(databaseIn(statements.length === 0 ? {} : parseJsonStatement(statements, 'revocation_statements')), { dropUser: username }, (error) => codeOf(error) === userNotFound),
    // As in Vault, accounts that are there already are kept where the connection's own is.
    setCredential: async (username, credential) => await run(source, { updateUser: username, pwd: passwordOf(credential) }),
    // A user has no end of its own there.
    setExpiration: async () => undefined,
    close,
  }
}

function databaseIn(statement: JsonObject): string {
  const db = statement['db'] ?? 'admin'
  if (typeof db !== 'string' || db === '') throw badRequest('db: expected the name of a database')
  return db
}

/** `{"db": "admin", "roles": [{"role": "read", "db": "app"}, "readWrite"]}`. */
function creationOf(statements: readonly string[]): { readonly db: string; readonly roles: readonly unknown[] } {
  const statement = parseJsonStatement(statements, 'creation_statements')
  const { roles } = statement
  if (!Array.isArray(roles)) throw badRequest('roles array is required in creation statement')
  const db = databaseIn(statement)
  return { db, roles: roles.map((role) => (isJsonObject(role) ? { role: String(role['role'] ?? ''), db: String(role['db'] ?? db) } : String(role))) }
}
