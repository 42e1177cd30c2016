/** InfluxDB 1.x, over HTTP: statements in InfluxQL. */
import { badRequest } from '../../../kit/errors.ts'
import { isJsonObject } from '../../../kit/fields.ts'
import type { JsonObject } from '../../../kit/json.ts'
import type { HttpAnswer } from '../../outbound/http.ts'
import { countDetail, flagDetail, textDetail } from '../details.ts'
import { createInOrder, passwordOf, type Credential, type Driver, type Login, type Session } from '../driver.ts'
import { fillStatements, influxQuoting, statementsOr, type StatementValues } from '../statements.ts'
import { bundleOf, httpTrust, trustOf } from '../trust.ts'
import { basicAuth, beginningOf, form, HttpLine, jsonOf, requestSeconds, type HttpPlace, type Question } from './http.ts'

const defaults = {
  create: `CREATE USER "{{username}}" WITH PASSWORD '{{password}}'`,
  drop: 'DROP USER "{{username}}"',
  setPassword: `SET PASSWORD FOR "{{username}}" = '{{password}}'`,
}

const trustDetails = { ca: '', certificate: '', key: '', insecure: 'insecure_tls' } as const

export const influxdb: Driver = {
  plugins: ['influxdb-database-plugin'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "v_%s_%s_%s_%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) (unix_time) | truncate 100 | replace "-" "_" | lowercase }}',
  secretDetails: [],
  target(details) {
    const place = placeOf(details)
    const login = { username: textDetail(details, 'username'), password: textDetail(details, 'password') }
    return { login, connect: (as, signal) => connect(place, as, signal) }
  },
}

const bad = (what: string): Error => badRequest(`error creating database object: ${what}`)

function placeOf(details: JsonObject): HttpPlace {
  const [host, port, bundle] = [textDetail(details, 'host'), countDetail(details, 'port', 8086), bundleOf(details)]
  if (host === '') throw bad('host cannot be empty')
  if (textDetail(details, 'username') === '') throw bad('username cannot be empty')
  const isTls = flagDetail(details, 'tls') || bundle !== null
  const text = `${isTls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  if (!URL.canParse(text) || new URL(text).pathname !== '/') throw bad('host and port are no address')
  return { base: new URL(text), tls: httpTrust({ ...trustOf(details, trustDetails), ...bundle }), seconds: requestSeconds(details) }
}

const question = (q: string): Question => ({ method: 'POST', path: '/query', ...form({ q }) })

/** `{"error": …}` of the whole, or `{"results": [{"error": …}]}` of one statement, with a status that says yes. */
function refusalIn(answer: HttpAnswer): string | null {
  const body = jsonOf(answer)
  if (!isJsonObject(body)) return answer.status < 300 ? null : beginningOf(answer)
  const results = Array.isArray(body['results']) ? body['results'] : []
  const error = [body, ...results].map((part) => (isJsonObject(part) ? part['error'] : undefined)).find((found) => found !== undefined)
  return error === undefined ? null : String(error)
}

async function connect(place: HttpPlace, login: Login, signal: AbortSignal): Promise<Session> {
  const line = new HttpLine(place, () => basicAuth(login), (answer) => refusalIn(answer) ?? beginningOf(answer))
  await line.logIn(login, question('SHOW DATABASES'), signal)
  return sessionOf(line)
}

function sessionOf(line: HttpLine): Session {
  const execute = async (text: string, isFine: (refusal: string) => boolean = () => false): Promise<void> => {
    const refusal = refusalIn(await line.must(question(text), [400]))
    if (refusal !== null && !isFine(refusal)) throw badRequest(`failed to execute query: ${refusal}`)
  }
  const run = async (statements: readonly string[], values: StatementValues, isFine?: (refusal: string) => boolean): Promise<void> => {
    for (const text of fillStatements(statements, values, influxQuoting)) await execute(text, isFine)
  }
  const values = (username: string, credential?: Credential): StatementValues => ({ name: username, username, ...(credential === undefined ? {} : { password: passwordOf(credential) }) })
  return {
    isOpen: () => line.isOpen,
    check: async () => void (await line.must({ method: 'GET', path: '/ping' })),
    async createUser({ username, credential, statements, rollbackStatements }) {
      await createInOrder(fillStatements(statementsOr(statements, defaults.create), values(username, credential), influxQuoting), execute, () => run(statementsOr(rollbackStatements, defaults.drop), values(username)))
    },
    dropUser: (username, statements) => run(statementsOr(statements, defaults.drop), values(username), (refusal) => refusal === 'user not found'),
    setCredential: (username, credential, statements) => run(statementsOr(statements, defaults.setPassword), values(username, credential)),
    // A user has no end of its own there.
    setExpiration: async () => undefined,
    close: () => line.close(),
  }
}
