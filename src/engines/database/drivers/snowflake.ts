/**
 * Snowflake, by its SQL API (https://docs.snowflake.com/en/developer-guide/sql-api): whoever logs in shows a token that it has signed with its private key. Passwords
 * cannot log in there, so one that was changed cannot be tried.
 */
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { badRequest } from '../../../kit/errors.ts'
import { isJsonObject } from '../../../kit/fields.ts'
import type { JsonObject } from '../../../kit/json.ts'
import type { HttpAnswer } from '../../outbound/http.ts'
import { checkLogin, textDetail, urlDetail } from '../details.ts'
import { connectionLost, createInOrder, textOf, Unreachable, unsupportedCredential, type Credential, type Driver, type Login, type Session } from '../driver.ts'
import { fillStatements, listStatements, snowflakeQuoting, statementsOr, type StatementValues } from '../statements.ts'
import { httpTrust, trustOf } from '../trust.ts'
import { beginningOf, HttpLine, json, jsonOf, requestSeconds, type HttpPlace, type Question } from './http.ts'

const defaults = {
  drop: 'DROP USER IF EXISTS "{{name}}"',
  setPassword: `ALTER USER "{{name}}" SET PASSWORD = '{{password}}'`,
  setKey: `ALTER USER "{{name}}" SET RSA_PUBLIC_KEY = '{{public_key}}'`,
  setExpiration: 'ALTER USER "{{name}}" SET DAYS_TO_EXPIRY = {{expiration}}',
}

export const snowflake: Driver = {
  plugins: ['snowflake-database-plugin'],
  credentialTypes: ['password', 'rsa_private_key'],
  usernameTemplate: '{{ printf "v_%s_%s_%s_%s" (.DisplayName | truncate 32) (.RoleName | truncate 32) (random 20) (unix_time) | truncate 255 | replace "-" "_" }}',
  secretDetails: ['private_key'],
  target(details) {
    const address = addressOf(details)
    const { username } = checkLogin(details)
    const key = keyOf(textDetail(details, 'private_key'))
    // Nobody but the administrator of the connection has a key here.
    return { login: { username, password: '' }, connect: (login, signal) => (login.username === username ? connect(address, login, key, signal) : Promise.reject(noLogin(login))) }
  },
}

const bad = (what: string): Error => badRequest(`error creating database object: ${what}`)
const noLogin = ({ username }: Login): Error => new Unreachable(`failed to connect to \`user=${username}\`: there is no login by password to Snowflake's SQL API`)

interface Address {
  readonly place: HttpPlace
  readonly account: string
  readonly context: JsonObject
}

/** `account.snowflakecomputing.com/database?warehouse=w&role=r`. */
function addressOf(details: JsonObject): Address {
  const written = urlDetail(details).replace(/^.*@/, '')
  const text = /^https?:\/\//.test(written) ? written : `https://${written}`
  if (!URL.canParse(text)) throw bad('connection_url: expected account.snowflakecomputing.com/database')
  const url = new URL(text)
  const account = url.searchParams.get('account') ?? url.hostname.replace(/\.snowflakecomputing\.com$/, '')
  const context = Object.fromEntries(['warehouse', 'role', 'schema'].flatMap((name) => (url.searchParams.has(name) ? [[name, url.searchParams.get(name) ?? '']] : [])))
  const database = decodeURIComponent(url.pathname.slice(1).split('/')[0] ?? '')
  const trust = trustOf(details, { ca: 'tls_ca', certificate: '', key: '', insecure: '' })
  return {
    place: { base: new URL(url.origin), tls: httpTrust(trust), seconds: requestSeconds(details) },
    // Of a region or a private link only the first part counts.
    account: (account.split('.')[0] ?? '').toUpperCase(),
    context: { ...context, ...(database === '' ? {} : { database }) },
  }
}

function keyOf(pem: string): KeyObject {
  if (pem === '') throw bad('private_key cannot be empty: Snowflake takes no passwords over its SQL API')
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'rsa') return key
  } catch (cause) {
    throw badRequest('error creating database object: private_key: not a private key in PEM', { cause })
  }
  throw bad('private_key: expected an RSA key')
}

const lifeSeconds = 3_600
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** https://docs.snowflake.com/en/developer-guide/sql-api/authenticating */
function keyPairToken(account: string, username: string, key: KeyObject, now: number): string {
  const print = createHash('sha256').update(createPublicKey(key).export({ type: 'spki', format: 'der' })).digest('base64')
  const subject = `${account}.${username.toUpperCase()}`
  const iat = Math.floor(now / 1000)
  const claims = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded({ iss: `${subject}.SHA256:${print}`, sub: subject, iat, exp: iat + lifeSeconds })}`
  return `${claims}.${sign('RSA-SHA256', Buffer.from(claims), key).toString('base64url')}`
}

const refusalIn = (answer: HttpAnswer): string => {
  const body = jsonOf(answer)
  return isJsonObject(body) && typeof body['message'] === 'string' ? body['message'].slice(0, 500) : beginningOf(answer)
}

async function connect({ place, account, context }: Address, login: Login, key: KeyObject, signal: AbortSignal): Promise<Session> {
  // It judges by its own clock whether a token is good, and says in each answer what time it is; a connection is not idle for longer than a minute.
  const line: HttpLine = new HttpLine(place, () => (Number.isNaN(line.heardAt) ? {} : tokenHeaders(keyPairToken(account, login.username, key, line.heardAt))), refusalIn)
  const question = (statement: string): Question => ({ method: 'POST', path: '/api/v2/statements', ...json({ statement, timeout: place.seconds, ...context }) })
  await line.ask({ method: 'GET', path: '/' }, signal).catch((error: unknown) => Promise.reject(new Unreachable(`failed to connect to \`user=${login.username}\`: ${textOf(error)}`, { cause: error })))
  await line.logIn(login, question('SELECT 1'), signal)
  return sessionOf(line, question)
}

const tokenHeaders = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}`, 'x-snowflake-authorization-token-type': 'KEYPAIR_JWT' })

/** Snowflake counts the life of a user in days, from when it is told. */
const dayMs = 86_400_000

function sessionOf(line: HttpLine, question: (statement: string) => Question): Session {
  const daysUntil = (ms: number): string => String(Math.max(1, Math.ceil((ms - line.heardAt) / dayMs)))
  const execute = async (text: string): Promise<void> => {
    const answer = await line.ask(question(text))
    // It is still under way, and nobody could say how it ended.
    if (answer.status === 202) throw connectionLost(new Error('a statement took too long'))
    if (answer.status !== 200) throw badRequest(`failed to execute query: ${answer.status}: ${refusalIn(answer)}`)
  }
  const run = async (statements: readonly string[], values: StatementValues): Promise<void> => {
    for (const text of fillStatements(statements, values, snowflakeQuoting)) await execute(text)
  }
  return {
    isOpen: () => line.isOpen,
    check: async () => void (await line.must(question('SELECT 1'))),
    async createUser({ username, credential, statements, rollbackStatements, expiresAt }) {
      if (listStatements(statements).length === 0) throw badRequest('empty creation statements')
      await createInOrder(fillStatements(statements, { ...namesOf(username), ...credentialOf(credential), expiration: daysUntil(expiresAt) }, snowflakeQuoting), execute, () => run(statementsOr(rollbackStatements, defaults.drop), namesOf(username)))
    },
    dropUser: (username, statements) => run(statementsOr(statements, defaults.drop), namesOf(username)),
    setCredential: (username, credential, statements) => run(statementsOr(statements, credential.type === 'password' ? defaults.setPassword : defaults.setKey), { ...namesOf(username), ...credentialOf(credential) }),
    setExpiration: (username, expiresAt, statements) => run(statementsOr(statements, defaults.setExpiration), { ...namesOf(username), expiration: daysUntil(expiresAt) }),
    close: () => line.close(),
  }
}

const namesOf = (username: string): StatementValues => ({ name: username, username })

/** A public key is given without its first and last line. */
function credentialOf(credential: Credential): StatementValues {
  if (credential.type === 'password') return { password: credential.password }
  if (credential.type === 'rsa_private_key') return { public_key: credential.publicKey.replaceAll(/-----[A-Z ]+-----|\s/g, '') }
  throw unsupportedCredential(credential.type)
}
