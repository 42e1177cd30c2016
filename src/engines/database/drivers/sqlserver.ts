/** Microsoft SQL Server, by the package `tedious`: users are logins, or users of one database (`contained_db`). Every change is one transaction. */
import { ApiError, badRequest } from '../../../kit/errors.ts'
import { flagDetail, limitsOf } from '../details.ts'
import { asNothingDone, connectionLost, loadPeer, LoginRefused, passwordOf, textOf, Unreachable, whileOpen, type Credential, type Driver, type Login, type Session } from '../driver.ts'
import { fillStatement, listStatements, sqlServerQuoting, type StatementValues } from '../statements.ts'
import { parseSqlServerUrl, type SqlServerAddress } from './sqlserver-url.ts'

/** As much of `tedious` as is used. */
interface TediousConnection {
  connect(done: (error?: Error) => void): void
  execSqlBatch(request: object): void
  on(event: 'end' | 'error', listener: () => void): void
  close(): void
}
type Column = readonly { readonly value: unknown }[]
interface Tedious {
  readonly default: {
    readonly Connection: new (config: object) => TediousConnection
    readonly Request: new (sql: string, done: (error: Error | null | undefined) => void) => { on(event: 'row', listener: (columns: Column) => void): void }
  }
}

/** The words of a server or of one database for the same things. */
interface Dialect {
  readonly setPassword: string
  readonly exists: string
}
const ofServer: Dialect = { setPassword: `ALTER LOGIN [{{username}}] WITH PASSWORD = '{{password}}'`, exists: `SELECT name FROM master.sys.server_principals WHERE name = '{{name}}'` }
const ofDatabase: Dialect = { setPassword: `ALTER USER [{{username}}] WITH PASSWORD = '{{password}}'`, exists: `SELECT name FROM sys.database_principals WHERE name = '{{name}}'` }

export const sqlserver: Driver = {
  plugins: ['mssql-database-plugin'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 20) (.RoleName | truncate 20) (random 20) (unix_time) | truncate 128 }}',
  secretDetails: [],
  target(details) {
    const address = parseSqlServerUrl(details)
    const { operationSeconds } = limitsOf(details)
    const isContained = flagDetail(details, 'contained_db')
    return { login: address.login, connect: async (login, signal) => sessionOf(await connect(address, login, operationSeconds, signal), isContained) }
  },
}

async function connect(address: SqlServerAddress, { username, password }: Login, seconds: number, signal: AbortSignal): Promise<Line> {
  const { default: tedious } = await loadPeer<Tedious>('tedious')
  const { host, port, instance, database, tls } = address
  const connection = new tedious.Connection({
    server: host,
    authentication: { type: 'default', options: { userName: username, password } },
    options: {
      ...(instance === '' ? { port } : { instanceName: instance }), ...(database === '' ? {} : { database }), ...tls,
      appName: 'coffer', connectTimeout: 600_000, requestTimeout: seconds * 1000, cancelTimeout: 1_000, rowCollectionOnRequestCompletion: false,
    },
  })
  const line = new Line(connection, tedious)
  const stop = (): void => line.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await whileOpen(line.signal, () => new Promise<void>((resolve, reject) => connection.connect((error) => (error === undefined ? resolve() : reject(error)))))
    return line
  } catch (error) {
    line.close()
    const text = `failed to connect to \`user=${username}\`: ${host}:${instance === '' ? port : instance}: ${reasonOf(error)}`
    throw codeOf(error) === 'ELOGIN' ? new LoginRefused(text, { cause: error }) : new Unreachable(text, { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

const codeOf = (error: unknown): string => (typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '')
/** Several things that were wrong come as one. */
const reasonsOf = (error: unknown): readonly unknown[] => (error instanceof AggregateError ? error.errors : [error])

/** The package wraps what the network said. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const inner = reasonsOf(cause).map((reason) => codeOf(reason) || textOf(reason))
  return cause === undefined ? textOf(error) : `${textOf(error)} (${inner.join('; ')})`
}

/** What the database refused, or what became of the connection. */
function failure(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const reasons = reasonsOf(error)
  return reasons.every((reason) => codeOf(reason) === 'EREQUEST') ? badRequest(`failed to execute query: mssql: ${reasons.map(textOf).join('; ')}`, { cause: error }) : connectionLost(error)
}

/** One batch after another on a connection. */
class Line {
  readonly #connection: TediousConnection
  readonly #tedious: Tedious['default']
  readonly #end = new AbortController()
  isOpen = true

  constructor(connection: TediousConnection, tedious: Tedious['default']) {
    this.#connection = connection
    this.#tedious = tedious
    for (const event of ['end', 'error'] as const) connection.on(event, () => this.close())
  }

  get signal(): AbortSignal {
    return this.#end.signal
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#connection.close()
    // After those who are told the reason itself.
    setImmediate(() => this.#end.abort())
  }

  /** The first column of each row, as text. Throws `ApiError`. */
  query(sql: string): Promise<readonly string[]> {
    if (!this.isOpen) return Promise.reject(connectionLost(new Error('the connection is closed')))
    const { Request } = this.#tedious
    const ask = (): Promise<readonly string[]> => new Promise((resolve, reject) => {
      const rows: string[] = []
      const request = new Request(sql, (error) => (error === null || error === undefined ? resolve(rows) : reject(error)))
      request.on('row', ([first]) => rows.push(String(first?.value)))
      this.#connection.execSqlBatch(request)
    })
    return whileOpen(this.#end.signal, ask).catch((error: unknown) => Promise.reject(failure(error)))
  }

  async transaction(texts: readonly string[]): Promise<void> {
    await this.query('SET XACT_ABORT ON; BEGIN TRANSACTION')
    try {
      for (const text of texts) await this.query(text)
      await this.query('COMMIT TRANSACTION')
    } catch (error) {
      await this.query('IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION').catch(() => undefined)
      throw error
    }
  }
}

const fill = (text: string, values: StatementValues): string => fillStatement(text, values, sqlServerQuoting)

function sessionOf(line: Line, isContained: boolean): Session {
  const dialect = isContained ? ofDatabase : ofServer
  const run = async (statements: readonly string[], values: StatementValues): Promise<void> => {
    const filled = listStatements(statements).map((text) => fill(text, values))
    await line.transaction(filled)
    // Whoever comes next expects to be where the connection began.
    if (filled.some((text) => /\bUSE\b/i.test(text))) line.close()
  }
  const isThere = async (username: string): Promise<boolean> => (await line.query(fill(dialect.exists, valuesOf(username)))).length > 0
  return {
    isOpen: () => line.isOpen,
    check: async () => void (await line.query('SELECT 1')),
    async createUser({ username, credential, statements, expiresAt }) {
      if (listStatements(statements).length === 0) throw badRequest('empty creation statements')
      await run(statements, { ...valuesOf(username, credential), expiration: timeOf(expiresAt) }).catch((error: unknown) => Promise.reject(asNothingDone(error)))
    },
    async dropUser(username, statements) {
      if (!(await isThere(username))) return
      if (listStatements(statements).length > 0) return await run(statements, valuesOf(username))
      return await (isContained ? run(['DROP USER [{{name}}]'], valuesOf(username)) : dropLogin(line, username))
    },
    async setCredential(username, credential, statements) {
      await run(listStatements(statements).length === 0 ? [dialect.setPassword] : statements, valuesOf(username, credential))
    },
    // A login has no end of its own there.
    setExpiration: async (username, expiresAt, statements) => (listStatements(statements).length === 0 ? undefined : await run(statements, { ...valuesOf(username), expiration: timeOf(expiresAt) })),
    close: () => line.close(),
  }
}

const valuesOf = (username: string, credential?: Credential): StatementValues => ({ name: username, username, ...(credential === undefined ? {} : { password: passwordOf(credential) }) })
const timeOf = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
const bracketed = (name: string): string => `[${name.replaceAll(']', ']]')}]`

/** A login cannot go while it is logged in, and would leave its users in the databases behind. */
async function dropLogin(line: Line, username: string): Promise<void> {
  const values = valuesOf(username)
  await line.query(fill('ALTER LOGIN [{{name}}] DISABLE', values))
  for (const session of await line.query(fill(`SELECT session_id FROM sys.dm_exec_sessions WHERE login_name = '{{name}}'`, values))) {
    // It may be gone by itself by now.
    if (/^\d+$/.test(session)) await line.query(`KILL ${session}`).catch((error: unknown) => line.isOpen ? undefined : Promise.reject(error))
  }
  for (const database of await line.query('SELECT name FROM sys.databases WHERE state = 0 AND HAS_DBACCESS(name) = 1')) {
    const mapped = `SELECT p.name FROM ${bracketed(database)}.sys.database_principals p JOIN master.sys.server_principals s ON p.sid = s.sid WHERE s.name = '{{name}}'`
    for (const user of await line.query(fill(mapped, values))) await line.query(`EXEC ${bracketed(database)}.sys.sp_executesql N'DROP USER ${bracketed(user).replaceAll("'", "''")}'`)
  }
  await line.query(fill('DROP LOGIN [{{name}}]', values))
}
