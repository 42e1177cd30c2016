/** Redis and Valkey: users are entries of the access control list. */
import type { ConnectionOptions } from 'node:tls'
import { badRequest } from '../../../kit/errors.ts'
import { parseJson, type JsonObject } from '../../../kit/json.ts'
import { countDetail, flagDetail, textDetail } from '../details.ts'
import { connectionLost, LoginRefused, nameTaken, textOf, Unreachable, passwordOf, type Driver, type Login, type Session } from '../driver.ts'
import { trustOf } from '../trust.ts'
import { RespClient, RespError, type RespPlace, type RespValue } from './resp.ts'

const defaultRules = ['~*', '+@read']

export const redis: Driver = {
  plugins: ['redis-database-plugin', 'valkey-database-plugin'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "V_%s_%s_%s_%s" (.DisplayName | uppercase | truncate 8) (.RoleName | uppercase | truncate 8) (random 20 | uppercase) (unix_time) | truncate 64 }}',
  secretDetails: [],
  target(details) {
    const { place, login } = addressOf(details)
    const persist = persistenceOf(details)
    return { login, connect: (as, signal) => connect(place, as, persist, signal) }
  },
}

const bad = (what: string): Error => badRequest(`error creating database object: ${what}`)

function addressOf(details: JsonObject): { readonly place: RespPlace; readonly login: Login } {
  const url = textDetail(details, 'connection_url')
  if (url !== '') return addressOfUrl(details, url)
  const [host, port] = [textDetail(details, 'host'), countDetail(details, 'port', 0)]
  const login = { username: textDetail(details, 'username'), password: textDetail(details, 'password') }
  if (host === '') throw bad('host cannot be empty')
  if (port < 1 || port > 65_535) throw bad('port cannot be empty')
  if (login.username === '') throw bad('username cannot be empty')
  return { login, place: { host, port, tls: tlsOf(details, flagDetail(details, 'tls')) } }
}

function addressOfUrl(details: JsonObject, text: string): { readonly place: RespPlace; readonly login: Login } {
  const given = { username: textDetail(details, 'username'), password: textDetail(details, 'password') }
  const filled = text.replaceAll('{{username}}', encodeURIComponent(given.username)).replaceAll('{{password}}', encodeURIComponent(given.password))
  const url = URL.canParse(filled) ? new URL(filled) : null
  if (url === null || !/^(?:redis|valkey)s?:$/.test(url.protocol)) throw bad('connection_url is no URL of redis or valkey')
  const login = { username: decodeURIComponent(url.username) || given.username, password: decodeURIComponent(url.password) || given.password }
  return { login, place: { host: url.hostname, port: Number(url.port || 6379), tls: tlsOf(details, url.protocol.endsWith('s:')) } }
}

const trustDetails = { ca: 'ca_cert', certificate: 'tls_certificate', key: 'tls_key', insecure: 'insecure_tls' } as const
const tlsOf = (details: JsonObject, isTls: boolean): ConnectionOptions | null => (isTls ? trustOf(details, trustDetails) : null)

/** How users outlive a restart of the database: it forgets them otherwise. */
function persistenceOf(details: JsonObject): readonly string[] | null {
  const mode = textDetail(details, 'persistence_mode')
  if (mode === '' || mode === 'none') return null
  if (mode === 'aclfile') return ['ACL', 'SAVE']
  if (mode === 'rewrite') return ['CONFIG', 'REWRITE']
  throw bad(`unknown persistence_mode ${JSON.stringify(mode)}: none, aclfile or rewrite`)
}

async function connect(place: RespPlace, { username, password }: Login, persist: readonly string[] | null, signal: AbortSignal): Promise<Session> {
  const where = `failed to connect to \`user=${username}\`: ${place.host}:${place.port}: `
  let client: RespClient
  try {
    client = await RespClient.open(place, signal)
  } catch (error) {
    throw new Unreachable(where + textOf(error), { cause: error })
  }
  const stop = (): void => client.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (password !== '') await client.command('AUTH', username, password)
    await client.command('PING')
  } catch (error) {
    client.close()
    throw error instanceof RespError && /^(?:WRONGPASS|NOAUTH)/.test(error.message) ? new LoginRefused(where + error.message, { cause: error }) : new Unreachable(where + textOf(error), { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return sessionOf(client, persist)
}

function sessionOf(client: RespClient, persist: readonly string[] | null): Session {
  const run = async (...args: readonly string[]): Promise<RespValue> => {
    try {
      return await client.command(...args)
    } catch (error) {
      throw error instanceof RespError ? badRequest(`failed to execute command: ${error.message}`, { cause: error }) : connectionLost(error)
    }
  }
  const change = async (...args: readonly string[]): Promise<void> => {
    await run('ACL', ...args)
    if (persist !== null) await run(...persist)
  }
  return {
    isOpen: () => client.isOpen,
    check: async () => void (await client.command('PING')),
    async createUser({ username, credential, statements }) {
      if ((await run('ACL', 'GETUSER', username)) !== null) throw nameTaken()
      await change('SETUSER', username, 'reset', 'on', `>${passwordOf(credential)}`, ...rulesOf(statements))
    },
    dropUser: (username) => change('DELUSER', username),
    async setCredential(username, credential) {
      if ((await run('ACL', 'GETUSER', username)) === null) throw badRequest(`the user ${JSON.stringify(username)} does not exist`)
      await change('SETUSER', username, 'resetpass', `>${passwordOf(credential)}`)
    },
    // A user has no end of its own there.
    setExpiration: async () => undefined,
    close: () => client.close(),
  }
}

/** Rules as a JSON list in the first statement, as Vault has it, or one in each. */
function rulesOf(statements: readonly string[]): readonly string[] {
  const given = statements.map((text) => text.trim()).filter((text) => text !== '')
  const [first = ''] = given
  if (!first.startsWith('[')) return given.length === 0 ? defaultRules : given.flatMap((text) => text.split(/\s+/))
  try {
    const rules = parseJson(first)
    if (Array.isArray(rules) && rules.every((rule) => typeof rule === 'string')) return rules as string[]
  } catch {
    // Said below.
  }
  throw badRequest('creation_statements: expected a list of rules, as ["~*", "+@read"]')
}
