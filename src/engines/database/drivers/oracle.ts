/**
 * Oracle, by the package `oracledb` in its thin mode. Each statement about users takes effect by itself: what fails midway is cleared away by the rollback
 * statements, and by the revocation that follows in any case.
 */
import { ApiError, badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { limitsOf, textDetail } from '../details.ts'
import { connectionLost, createInOrder, loadPeer, LoginRefused, passwordOf, textOf, Unreachable, whileOpen, type Credential, type Driver, type Login, type Session } from '../driver.ts'
import { fillStatement, fillStatements, listStatements, oracleQuoting, quoteIdentifier, statementsOr, type StatementValues } from '../statements.ts'
import { parseOracleUrl, type OracleAddress } from './oracle-url.ts'
import { repeatTurnedAway } from './turned-away.ts'

/** As much of `oracledb` as is used. */
export interface OracleConnection {
  callTimeout: number
  execute(sql: string, binds: Readonly<Record<string, string>>): Promise<{ readonly rows?: readonly (readonly unknown[])[] }>
  ping(): Promise<void>
  close(options: { readonly drop: boolean }): Promise<void>
}
interface Oracle {
  readonly default: { readonly getConnection: (options: object) => Promise<OracleConnection> }
}

/** Of the server: a wrong password or no such user; a user that is logged in cannot be dropped; a session that is gone, or about to be. */
const refused = 1017
const stillConnected = 1940
const sessionsGone: ReadonlySet<number> = new Set([30, 31])

export const oracle: Driver = {
  plugins: ['oracle-database-plugin', 'vault-plugin-database-oracle'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "V_%s_%s_%s_%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) (unix_time) | uppercase | replace "-" "_" | replace "." "_" | replace "@" "_" | truncate 30 }}',
  secretDetails: ['tls_certificate_key'],
  target(details) {
    const address = parseOracleUrl(details)
    const { connectSeconds, operationSeconds } = limitsOf(details)
    const options = optionsOf(details)
    return { login: address.login, connect: async (login, signal) => sessionOf(await connect(address, login, { connectSeconds, operationSeconds }, signal), options) }
  },
}

interface Options {
  readonly splits: boolean
  readonly disconnects: boolean
}

/** On unless they are switched off, as in Vault. */
const optionsOf = (details: JsonObject): Options => ({ splits: isOn(details, 'split_statements'), disconnects: isOn(details, 'disconnect_sessions') })
const isOn = (details: JsonObject, name: string): boolean => !['false', '0'].includes(textDetail(details, name, 'true').toLowerCase())

async function connect({ connectString, wallet }: OracleAddress, { username, password }: Login, { connectSeconds, operationSeconds }: { readonly connectSeconds: number; readonly operationSeconds: number }, signal: AbortSignal): Promise<OracleConnection> {
  const { default: oracledb } = await loadPeer<Oracle>('oracledb')
  const opening = oracledb.getConnection({ user: username, password, connectString, transportConnectTimeout: connectSeconds, connectTimeout: connectSeconds, ...(wallet === '' ? {} : { walletContent: wallet }) })
  // One that comes too late is nobody's.
  const late = (): void => void opening.then((connection) => connection.close({ drop: true })).catch(() => undefined)
  try {
    const connection = await whileOpen(signal, () => opening)
    connection.callTimeout = operationSeconds * 1000
    return connection
  } catch (error) {
    if (signal.aborted) late()
    const text = `failed to connect to \`user=${username}\`: ${connectString}: ${reasonOf(error)}`
    throw codeOf(error) === refused ? new LoginRefused(text, { cause: error }) : new Unreachable(text, { cause: error })
  }
}

const codeOf = (error: unknown): number => (typeof error === 'object' && error !== null && 'errorNum' in error ? Number(error.errorNum) : 0)
/** The first line: others lead to web pages, or say how deep a call was. */
const reasonOf = (error: unknown): string => textOf(error).split('\n')[0] ?? ''

/** What the database refused (`ORA-`), or what became of the connection. */
function failureOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return textOf(error).startsWith('ORA-') && !isLost(error) ? badRequest(`failed to execute query: ${reasonOf(error)}`, { cause: error }) : connectionLost(new Error(reasonOf(error), { cause: error }))
}
/** Sessions that were ended, servers that go down, lines that broke. */
const lost: ReadonlySet<number> = new Set([28, 1012, 1033, 1034, 1089, 1090, 2396, 3113, 3114, 3135, 12_537, 12_547, 12_570])
const isLost = (error: unknown): boolean => lost.has(codeOf(error))

/** One statement after another. `rows` have texts. */
class Line {
  readonly #connection: OracleConnection
  readonly #end = new AbortController()

  constructor(connection: OracleConnection) {
    this.#connection = connection
  }

  get isOpen(): boolean {
    return !this.#end.signal.aborted
  }

  close(): void {
    if (!this.isOpen) return
    this.#end.abort()
    void this.#connection.close({ drop: true }).catch(() => undefined)
  }

  async ping(): Promise<void> {
    await this.#do(() => this.#connection.ping())
  }

  async query(sql: string, binds: Readonly<Record<string, string>> = {}): Promise<readonly (readonly string[])[]> {
    const { rows = [] } = await this.#do(() => this.#connection.execute(sql, binds))
    return rows.map((row) => row.map(String))
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await whileOpen(this.#end.signal, work)
    } catch (error) {
      const failure = failureOf(error)
      if (failure.code !== 'bad_request') this.close()
      throw failure
    }
  }
}

export function sessionOf(connection: OracleConnection, { splits, disconnects }: Options): Session {
  const line = new Line(connection)
  const filledOf = (statements: readonly string[], values: StatementValues): readonly string[] => {
    for (const text of listStatements(statements)) checkQuotes(text)
    return splits ? fillStatements(statements, values, oracleQuoting) : listStatements(statements).map((text) => fillStatement(text, values, oracleQuoting))
  }
  const execute = async (text: string): Promise<void> => void (await line.query(text))
  const run = async (statements: readonly string[], values: StatementValues): Promise<void> => {
    for (const text of filledOf(statements, values)) await execute(text)
  }
  const drop = (username: string, statements: readonly string[]): Promise<void> =>
    repeatTurnedAway({ isTurnedAway: (error) => codeOf((error as Error).cause) === stillConnected, attemptsMax: 10, stepMs: 20 }, () => run(statementsOr(statements, `DROP USER ${quoteIdentifier(username)}`), valuesOf(username)))
  return {
    isOpen: () => line.isOpen,
    check: () => line.ping(),
    async createUser({ username, credential, statements, rollbackStatements, expiresAt }) {
      if (listStatements(statements).length === 0) throw badRequest('empty creation statements')
      const filled = filledOf(statements, { ...valuesOf(username, credential), expiration: timeOf(expiresAt) })
      await createInOrder(filled, execute, async () => {
        const stored = await storedName(line, username)
        if (stored !== null) await drop(stored, rollbackStatements)
      })
    },
    async dropUser(username, statements) {
      const stored = await storedName(line, username)
      if (stored === null) return
      if (disconnects) await disconnect(line, stored)
      await drop(stored, statements)
    },
    async setCredential(username, credential, statements) {
      const stored = (await storedName(line, username)) ?? username
      await run(statementsOr(statements, `ALTER USER ${quoteIdentifier(stored)} IDENTIFIED BY "{{password}}"`), valuesOf(stored, credential))
    },
    // A user has no end of its own there.
    setExpiration: (username, expiresAt, statements) => run(statements, { ...valuesOf(username), expiration: timeOf(expiresAt) }),
    close: () => line.close(),
  }
}

/** A name that stood in no quotes is kept in upper case. Null: there is no such user. */
async function storedName(line: Line, username: string): Promise<string | null> {
  const rows = await line.query('SELECT username FROM all_users WHERE username IN (:name, UPPER(:name))', { name: username })
  const names = rows.map(([name]) => name)
  return names.find((name) => name === username) ?? names[0] ?? null
}

/** Nobody new gets in, and who is in is put out: a user that is logged in cannot be dropped. */
async function disconnect(line: Line, username: string): Promise<void> {
  await line.query(`ALTER USER ${quoteIdentifier(username)} ACCOUNT LOCK`)
  for (const [sid = '', serial = '', instance = ''] of await line.query('SELECT sid, serial#, inst_id FROM gv$session WHERE username = :name', { name: username })) {
    if (![sid, serial, instance].every((part) => /^\d+$/.test(part))) continue
    await line.query(`ALTER SYSTEM KILL SESSION '${sid},${serial},@${instance}' IMMEDIATE`).catch((error: unknown) => {
      if (!sessionsGone.has(codeOf((error as Error).cause))) throw error
    })
  }
}

/** What stands in `q'[…]'` is not told from what stands outside of quotes, so it is not taken. */
function checkQuotes(text: string): void {
  if (/(?:^|[^\w$#"'])n?q'/i.test(text)) throw badRequest("a statement may not quote by q'…': double the quotes inside")
}

function valuesOf(username: string, credential?: Credential): StatementValues {
  const password = credential === undefined ? undefined : passwordOf(credential)
  // Between its quotes Oracle knows no way to write one.
  if (password?.includes('"') === true) throw badRequest('a password for Oracle may not hold a double quote')
  return { name: username, username, ...(password === undefined ? {} : { password }) }
}
const timeOf = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
