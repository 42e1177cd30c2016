/**
 * A directory: somebody logs in, and then looks for entries and changes them. Each connection is used for one task and closed. All throw `ApiError`s
 * that hold no password: `bad_request` for what the directory refuses, `bad_gateway` for what comes of the connection.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { Attribute, Change, Client, EqualityFilter, InvalidCredentialsError, NoSuchObjectError, ResultCodeError } from 'ldapts'
import { ApiError } from '../../kit/errors.ts'
import { NothingDone } from '../../kit/outside.ts'
import type { Looks } from '../../kit/rotation/machine.ts'
import type { LdifChange, Modification } from './ldif.ts'
import { passwordChange } from './passwords.ts'
import type { Config } from './records.ts'
import { tlsVersions, type Settings } from './settings.ts'

/** Whom a password belongs to. */
export interface Holder {
  readonly username: string
  /** '': it is looked for by its name. */
  readonly dn: string
}

export interface Directory {
  readonly setPassword: (holder: Holder, password: string) => Promise<void>
  /** Makes one change after the other; the first that is refused ends it. */
  readonly apply: (changes: readonly LdifChange[]) => Promise<void>
  /** Makes each, whatever becomes of the others; what is not there any more is deleted. Throws what the first one threw. */
  readonly clear: (changes: readonly LdifChange[]) => Promise<void>
}

/** The directory knows this user, or says so, and not this password. */
class LoginRefused extends NothingDone {}

export const urlsOf = ({ url }: Pick<Settings, 'url'>): readonly string[] => url.split(',').map((one) => one.trim()).filter((one) => one !== '')

/** Seconds that one task may take: reaching a directory, logging in, looking, changing. */
export const withinSeconds = ({ settings }: Config): number => settings.connection_timeout * urlsOf(settings).length + settings.request_timeout * 3

/** Logs in as the administrator and runs `work`. Throws `NothingDone` when it does not come to that. */
export function withDirectory<T>(config: Config, signal: AbortSignal, work: (directory: Directory) => Promise<T>): Promise<T> {
  return connected(config, signal, async (client) => {
    await bindAdmin(client, config)
    return await guarded(() => work(directoryOn(client, config)))
  })
}

/** Whether somebody can log in with a password. */
export async function looksOf(config: Config, holder: Holder, password: string, signal: AbortSignal): Promise<Looks> {
  try {
    const dn = holder.dn === '' ? await withConnection(config, signal, (client) => resolveEntry(client, config, holder)) : holder.dn
    await connected(config, signal, (client) => login(client, dn, password))
    return 'works'
  } catch (error) {
    return error instanceof LoginRefused && error.code === 'invalid_credentials' ? 'refused' : { unknown: error instanceof Error ? error.message : 'failed' }
  }
}

const withConnection = <T>(config: Config, signal: AbortSignal, work: (client: Client) => Promise<T>): Promise<T> => connected(config, signal, async (client) => {
  await bindAdmin(client, config)
  return await guarded(() => work(client))
})

const directoryOn = (client: Client, config: Config): Directory => ({
  async setPassword(holder, password) {
    // Looking changes nothing, and a modification is done as a whole or not at all (RFC 4511 4.6).
    await refusedAsNothing(async () => client.modify(await resolveEntry(client, config, holder), passwordChange(config.settings.schema, password).map(changeOf)))
  },
  async apply(changes) {
    for (const change of changes) await applyOne(client, change)
  },
  async clear(changes) {
    let first: unknown = null
    for (const change of changes) {
      await applyOne(client, change).catch((error: unknown) => {
        if (!(change.kind !== 'add' && error instanceof NoSuchObjectError)) first ??= error
      })
    }
    if (first !== null) throw first
  },
})

async function refusedAsNothing(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof ResultCodeError) throw new NothingDone('bad_request', `the directory refuses it: ${textOf(error)}`, { cause: error })
    throw error
  }
}

const attributeOf = ({ name, values }: Modification['attribute']): Attribute => new Attribute({ type: name, values: [...values] })
const changeOf = ({ operation, attribute }: Modification): Change => new Change({ operation, modification: attributeOf(attribute) })

async function applyOne(client: Client, change: LdifChange): Promise<void> {
  if (change.kind === 'delete') await client.del(change.dn)
  else if (change.kind === 'add') await client.add(change.dn, change.attributes.map(attributeOf))
  else await client.modify(change.dn, change.changes.map(changeOf))
}

/** The one entry that is meant. Throws `bad_request`. */
async function resolveEntry(client: Client, { settings: { userdn, userattr } }: Config, { username, dn }: Holder): Promise<string> {
  if (dn !== '') return dn
  const { searchEntries } = await client.search(userdn, { scope: 'sub', filter: new EqualityFilter({ attribute: userattr, value: username }), attributes: ['1.1'], sizeLimit: 2 })
  const [found, ...others] = searchEntries
  if (found === undefined || others.length > 0) throw new NothingDone('bad_request', `expected one matching entry for ${JSON.stringify(username)}, but found ${searchEntries.length}`)
  return found.dn
}

/** As whom the administrator logs in, and where its entry is: by its name at a domain, or else by its DN. */
export const adminOf = ({ settings: { binddn, upndomain } }: Config): Holder =>
  upndomain === '' ? { username: binddn, dn: binddn } : { username: `${binddn}@${upndomain}`, dn: '' }

/** While the password of the administrator is being rotated either may be the right one. */
async function bindAdmin(client: Client, config: Config): Promise<void> {
  const { bindpass, successor } = config
  if (bindpass === '') throw new NothingDone('bad_request', 'unable to bind due to lack of configured password')
  const { username } = adminOf(config)
  const next = successor?.secret.password
  await login(client, username, bindpass).catch((error: unknown) => {
    if (next === undefined || !(error instanceof LoginRefused)) throw error
    return login(client, username, next)
  })
}

/** An empty password would be a login as nobody, which always works (RFC 4513 5.1.2). */
async function login(client: Client, name: string, password: string): Promise<void> {
  if (password === '' || name === '') throw new NothingDone('bad_request', 'a login needs a name and a password')
  try {
    await client.bind(name, password)
  } catch (error) {
    // Active Directory says with the same code what else is in the way; 52e is the wrong password.
    const isOther = error instanceof InvalidCredentialsError && /data (?!52e\b)[0-9a-f]{2,4}/.test(error.message)
    if (error instanceof InvalidCredentialsError && !isOther) throw new LoginRefused('invalid_credentials', `the directory refuses the login of ${JSON.stringify(name)}`, { cause: error })
    throw new NothingDone(error instanceof ResultCodeError ? 'bad_request' : 'bad_gateway', `login failed: ${textOf(error)}`, { cause: error })
  }
}

/** Tries one address after the other. */
async function connected<T>(config: Config, signal: AbortSignal, work: (client: Client) => Promise<T>): Promise<T> {
  const failures: string[] = []
  for (const url of urlsOf(config.settings)) {
    const opened = await open(config, url, signal).catch((error: unknown) => void failures.push(`${url}: ${textOf(error)}`))
    if (opened === undefined) continue
    try {
      return await opened.until(work(opened.client))
    } finally {
      opened.close()
    }
  }
  throw new NothingDone('bad_gateway', `no directory could be reached: ${failures.join('; ')}`)
}

interface Opened {
  readonly client: Client
  /** Fails when the connection is given up. */
  readonly until: <T>(work: Promise<T>) => Promise<T>
  readonly close: () => void
}

/** One connection, and never another one behind our back: what follows StartTLS must not go over a new connection without it. */
async function open({ settings, clientCertificate, clientKey }: Config, url: string, signal: AbortSignal): Promise<Opened> {
  const { hostname, protocol } = new URL(url)
  const host = hostname.replaceAll(/[[\]]/g, '')
  let socket: Socket | null = null
  const once = (make: () => Socket): Socket => {
    if (socket !== null) throw new ApiError('bad_gateway', 'the connection to the directory was lost')
    return (socket = make())
  }
  const tls = tlsOptions(settings, { host, cert: clientCertificate, key: clientKey })
  const client = new Client({
    url, strictDN: false, timeout: settings.request_timeout * 1000, connectTimeout: settings.connection_timeout * 1000,
    createConnection: ((port: number, to: string) => once(() => connectTcp(port, to))) as typeof connectTcp,
    createSecureConnection: ((...args: readonly unknown[]) => (args.length === 1 ? connectTls(args[0] as ConnectionOptions) : once(() => connectTls(Number(args[0]), String(args[1]), tls)))) as typeof connectTls,
  })
  const [close, until] = closing(() => socket, signal)
  try {
    // Anything opens the connection: the one thing that everybody may read.
    if (protocol === 'ldap:' && settings.starttls) await until(timed(client.startTLS({ ...tls }), settings.connection_timeout))
    else await until(timed(client.search('', { scope: 'base', attributes: ['1.1'] }), settings.connection_timeout))
  } catch (error) {
    if (error instanceof ResultCodeError && !settings.starttls) return { client, until, close }
    close()
    throw error
  }
  return { client, until, close }
}

function closing(socketOf: () => Socket | null, signal: AbortSignal): [close: () => void, until: Opened['until']] {
  let giveUp = (): void => undefined
  const given = new Promise<never>((_, reject) => (giveUp = () => reject(new ApiError('bad_gateway', 'the time for the directory was over'))))
  given.catch(() => undefined)
  const close = (): void => {
    signal.removeEventListener('abort', stop)
    socketOf()?.on('error', () => undefined).destroy()
  }
  const stop = (): void => {
    giveUp()
    close()
  }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  return [close, (work) => Promise.race([work, given])]
}

async function timed<T>(work: Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`no answer within ${seconds} seconds`)), seconds * 1000)))
  work.catch(() => undefined)
  return await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

const versionOf = (name: string): 'TLSv1.2' | 'TLSv1.3' => (Object.hasOwn(tlsVersions, name) ? tlsVersions[name as keyof typeof tlsVersions] : 'TLSv1.2')

function tlsOptions({ certificate, insecure_tls: insecure, tls_min_version: min, tls_max_version: max }: Settings, { host, cert, key }: { readonly host: string; readonly cert: string; readonly key: string }): ConnectionOptions {
  return {
    host, minVersion: versionOf(min), maxVersion: versionOf(max), rejectUnauthorized: !insecure,
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(certificate === '' ? {} : { ca: certificate }), ...(cert === '' ? {} : { cert, key }),
  }
}

/** What the directory refuses is the caller's; what comes of the connection is not. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw new ApiError(error instanceof ResultCodeError ? 'bad_request' : 'bad_gateway', error instanceof ResultCodeError ? `the directory refuses it: ${textOf(error)}` : `the connection to the directory was lost: ${textOf(error)}`, { cause: error })
  }
}

/** Directories put their codes into the text; nothing that was sent is in it but names. */
const textOf = (error: unknown): string => (error instanceof Error ? `${error.message}${error instanceof ResultCodeError ? ` (LDAP result ${error.code})` : ''}` : 'failed').slice(0, 300)
