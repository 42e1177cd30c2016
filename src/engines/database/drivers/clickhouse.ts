/** ClickHouse, over HTTP: one statement in each request (https://clickhouse.com/docs/interfaces/http). */
import { badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { parseBaseUrl, type HttpAnswer } from '../../outbound/http.ts'
import { checkLogin, textDetail, urlDetail } from '../details.ts'
import { createInOrder, passwordOf, type Credential, type Driver, type Login, type Session } from '../driver.ts'
import { clickHouseQuoting, fillStatements, listStatements, statementsOr, type StatementValues } from '../statements.ts'
import { httpTrust, trustOf } from '../trust.ts'
import { beginningOf, HttpLine, requestSeconds, type HttpPlace, type Question } from './http.ts'

const defaults = {
  drop: 'DROP USER IF EXISTS "{{name}}"',
  setPassword: `ALTER USER "{{name}}" IDENTIFIED BY '{{password}}'`,
  setExpiration: `ALTER USER "{{name}}" VALID UNTIL '{{expiration}}'`,
}

const trustDetails = { ca: 'tls_ca', certificate: 'tls_certificate', key: 'private_key', insecure: 'insecure_tls' } as const

export const clickhouse: Driver = {
  plugins: ['clickhouse-database-plugin'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) (unix_time) | truncate 63 }}',
  secretDetails: [],
  target(details) {
    const { place, database } = placeOf(details)
    return { login: checkLogin(details), connect: (login, signal) => connect(place, database, login, signal) }
  },
}

/** `https://host:8443/?database=app`; the login may stand in it as a template, and goes into headers. */
function placeOf(details: JsonObject): { readonly place: HttpPlace; readonly database: string } {
  const [text = '', query = ''] = urlDetail(details).replace(/^(https?:\/\/)\{\{username\}\}(?::\{\{password\}\})?@/, '$1').split('?')
  const base = parseBaseUrl(text, 'error creating database object: connection_url')
  const database = new URLSearchParams(query).get('database') ?? textDetail(details, 'database')
  return { place: { base, tls: httpTrust(trustOf(details, trustDetails)), seconds: requestSeconds(details) }, database }
}

/** Of the server: a wrong password or no such user; a user that is not there. */
const authenticationFailed = '516'
const unknownUser = '192'
const codeOf = ({ headers, text }: HttpAnswer): string => headers['x-clickhouse-exception-code'] ?? /^Code: (\d+)/.exec(text)?.[1] ?? ''

async function connect(place: HttpPlace, database: string, login: Login, signal: AbortSignal): Promise<Session> {
  const line = new HttpLine(place, () => ({ 'x-clickhouse-user': login.username, 'x-clickhouse-key': login.password }), beginningOf)
  const question = (statement: string): Question => ({ method: 'POST', path: `/?${new URLSearchParams(database === '' ? {} : { database })}`, body: statement, headers: { 'content-type': 'text/plain' } })
  await line.logIn(login, question('SELECT 1'), signal, (answer) => codeOf(answer) === authenticationFailed || answer.status === 401)
  return sessionOf(line, question)
}

function sessionOf(line: HttpLine, question: (statement: string) => Question): Session {
  const execute = async (text: string): Promise<void> => {
    const answer = await line.ask(question(text))
    if (answer.status !== 200 && !(codeOf(answer) === unknownUser && /^\s*DROP\b/i.test(text))) throw badRequest(`failed to execute query: ${beginningOf(answer)}`)
  }
  const run = async (statements: readonly string[], values: StatementValues): Promise<void> => {
    for (const text of fillStatements(statements, values, clickHouseQuoting)) await execute(text)
  }
  return {
    isOpen: () => line.isOpen,
    check: async () => void (await line.must(question('SELECT 1'))),
    async createUser({ username, credential, statements, rollbackStatements, expiresAt }) {
      if (listStatements(statements).length === 0) throw badRequest('empty creation statements')
      await createInOrder(fillStatements(statements, { ...valuesOf(username, credential), expiration: timeOf(expiresAt) }, clickHouseQuoting), execute, () => run(statementsOr(rollbackStatements, defaults.drop), valuesOf(username)))
    },
    dropUser: (username, statements) => run(statementsOr(statements, defaults.drop), valuesOf(username)),
    setCredential: (username, credential, statements) => run(statementsOr(statements, defaults.setPassword), valuesOf(username, credential)),
    setExpiration: (username, expiresAt, statements) => run(statementsOr(statements, defaults.setExpiration), { ...valuesOf(username), expiration: timeOf(expiresAt) }),
    close: () => line.close(),
  }
}

const valuesOf = (username: string, credential?: Credential): StatementValues => ({ name: username, username, ...(credential === undefined ? {} : { password: passwordOf(credential) }) })
/** `2026-01-02 15:04:05 UTC`, whatever the time zone of the server is. */
const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
