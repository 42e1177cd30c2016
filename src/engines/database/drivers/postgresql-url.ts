/** Where a PostgreSQL server is: a URL, or words as `host=… port=…`; and how far its certificate is trusted. */
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls'
import { badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { checkLogin, fillUrl, flagDetail, textDetail, urlDetail } from '../details.ts'
import type { Login } from '../driver.ts'
import { trustOf as tlsDetails } from '../trust.ts'

export interface PostgresAddress {
  readonly login: Login
  /** For `pg`, without user and password. */
  readonly server: Readonly<Record<string, unknown>>
  /** Null: in the clear. */
  readonly ssl: ConnectionOptions | null
  /** Encrypted if the server can, in the clear otherwise: `sslmode=prefer`, which is the default. */
  readonly mayBePlain: boolean
  /** For messages. */
  readonly shown: { readonly host: string; readonly port: number; readonly database: string }
}

/** Throws `bad_request`. */
export function parsePostgresUrl(details: JsonObject): PostgresAddress {
  const login = checkLogin(details)
  const escape = flagDetail(details, 'disable_escaping') ? (text: string) => text : encodeURIComponent
  const written = urlDetail(details)
  const parts = /^postgres(?:ql)?:\/\//.test(written) ? partsOfUrl(fillUrl(written, login, escape)) : partsOfWords(fillUrl(written, login, escapeWord))
  const host = parts.get('host') || 'localhost'
  const port = Number(parts.get('port') || 5432)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw bad('the port is not a number from 1 to 65535')
  const user = parts.get('user') ?? login.username
  const database = parts.get('dbname') || user
  return {
    login: { username: user, password: parts.get('password') ?? login.password },
    server: { host, port, database, application_name: parts.get('application_name') ?? 'coffer', ...(parts.has('options') ? { options: parts.get('options') } : {}) },
    ...trustOf(parts, details, host),
    shown: { host, port, database },
  }
}

const bad = (what: string): Error => badRequest(`error creating database object: connection_url: ${what}`)

function partsOfUrl(text: string): ReadonlyMap<string, string> {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw badRequest('error creating database object: connection_url: not a URL', { cause })
  }
  const parts = new Map<string, string>()
  const add = (name: string, value: string): void => void (value !== '' && parts.set(name, value))
  add('host', decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'))
  add('port', url.port)
  add('user', decodePart(url.username))
  add('password', decodePart(url.password))
  add('dbname', decodePart(url.pathname.slice(1)))
  for (const [name, value] of url.searchParams) add(name, value)
  return parts
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw bad('a percent sign that escapes nothing')
  }
}

const escapeWord = (text: string): string => text.replaceAll(/[\\']/g, (character) => `\\${character}`)

/** `host=db.example.com user='some body'`, as libpq takes it. */
function partsOfWords(text: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>()
  for (const [, name = '', quoted, plain] of text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))/g)) parts.set(name, (quoted ?? plain ?? '').replaceAll(/\\(.)/g, '$1'))
  if (parts.size === 0) throw bad('neither a URL nor words as host=…')
  return parts
}

const trustDetails = { ca: 'tls_ca', certificate: 'tls_certificate', key: 'private_key', insecure: '' } as const

/** The words of libpq: https://www.postgresql.org/docs/current/libpq-ssl.html */
function trustOf(parts: ReadonlyMap<string, string>, details: JsonObject, host: string): Pick<PostgresAddress, 'ssl' | 'mayBePlain'> {
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) if (parts.has(name)) throw bad(`${name} names a file; give the text as tls_ca, tls_certificate or private_key`)
  const { rejectUnauthorized: _, ...given } = tlsDetails(details, trustDetails)
  const ca = textDetail(details, 'tls_ca')
  const mode = parts.get('sslmode') ?? (ca === '' ? 'prefer' : 'verify-full')
  const name = textDetail(details, 'tls_server_name')
  // The package asks for the name of the host, whatever `servername` is.
  const identity = name === '' ? {} : { checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(name, certificate) }
  const common = { ...(/[^\d.:]/.test(host) && !host.startsWith('/') ? { servername: host } : {}), ...given }
  switch (mode) {
    case 'disable': return { ssl: null, mayBePlain: false }
    case 'allow':
    case 'prefer': return host.startsWith('/') ? { ssl: null, mayBePlain: false } : { ssl: { ...common, rejectUnauthorized: false }, mayBePlain: true }
    // With a certificate to go by, libpq takes this for verify-ca.
    case 'require': return { ssl: { ...common, rejectUnauthorized: ca !== '', checkServerIdentity: () => undefined }, mayBePlain: false }
    case 'verify-ca': return { ssl: { ...common, rejectUnauthorized: true, checkServerIdentity: () => undefined }, mayBePlain: false }
    case 'verify-full': return { ssl: { ...common, ...identity, rejectUnauthorized: true }, mayBePlain: false }
    default: throw bad(`unknown sslmode ${JSON.stringify(mode)}`)
  }
}
