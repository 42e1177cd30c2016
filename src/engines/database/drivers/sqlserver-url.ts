/** Where a SQL Server is: `sqlserver://user:password@host:1433?database=app`, or words as `server=host;user id=…;password=…`, as the driver of Go has them. */
import { badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { checkLogin, fillUrl, flagDetail, urlDetail } from '../details.ts'
import type { Login } from '../driver.ts'
import { trustOf } from '../trust.ts'

export interface SqlServerAddress {
  readonly login: Login
  readonly host: string
  readonly port: number
  /** '' for none. */
  readonly instance: string
  readonly database: string
  /** For `tedious`. */
  readonly tls: Readonly<Record<string, unknown>>
}

const bad = (what: string): Error => badRequest(`error creating database object: connection_url: ${what}`)
const trustDetails = { ca: 'tls_ca', certificate: '', key: '', insecure: 'tls_skip_verify' } as const

/** Throws `bad_request`. */
export function parseSqlServerUrl(details: JsonObject): SqlServerAddress {
  const given = checkLogin(details)
  const written = urlDetail(details)
  const isUrl = written.startsWith('sqlserver://')
  const escape = isUrl && !flagDetail(details, 'disable_escaping') ? encodeURIComponent : (text: string) => text
  const words = isUrl ? partsOfUrl(fillUrl(written, given, escape)) : partsOfWords(written, given)
  const [host = '', named = ''] = (words.get('server') ?? '').split('\\')
  const port = Number(words.get('port') ?? 1433)
  if (host === '') throw bad('no server is named')
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw bad('the port is not a number from 1 to 65535')
  return {
    login: { username: words.get('user id') ?? given.username, password: words.get('password') ?? given.password },
    host, port, instance: named, database: words.get('database') ?? '',
    tls: tlsOf(words, details),
  }
}

function partsOfUrl(text: string): ReadonlyMap<string, string> {
  if (!URL.canParse(text)) throw bad('not a URL')
  const url = new URL(text)
  const parts = new Map([...url.searchParams].map(([name, value]) => [name.toLowerCase(), value] as const))
  const set = (name: string, value: string): void => void (value !== '' && parts.set(name, decoded(value)))
  set('server', url.hostname.replace(/^\[(.*)\]$/, '$1') + (url.pathname.length > 1 ? `\\${url.pathname.slice(1)}` : ''))
  set('port', url.port)
  set('user id', url.username)
  set('password', url.password)
  return parts
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw bad('a percent sign that escapes nothing')
  }
}

/** A value that is the user's or the password's place is that, whatever stands in it. */
function partsOfWords(text: string, login: Login): ReadonlyMap<string, string> {
  const pairs = text.split(';').filter((pair) => pair.trim() !== '').map((pair) => /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(pair)?.slice(1) ?? [])
  if (pairs.length === 0 || pairs.some(([name]) => name === undefined)) throw bad('neither a URL of sqlserver nor words as server=…')
  return new Map(pairs.map(([name = '', value = '']) => [name.toLowerCase(), fillUrl(value, login, (part) => part)]))
}

/** Encrypted unless that is switched off. */
function tlsOf(words: ReadonlyMap<string, string>, details: JsonObject): SqlServerAddress['tls'] {
  const wanted = (words.get('encrypt') ?? 'true').toLowerCase()
  if (!['true', 'false', 'disable', 'strict', 'mandatory', 'optional', '1', '0', 'yes', 'no'].includes(wanted)) throw bad(`unknown encrypt ${JSON.stringify(wanted)}`)
  if (['false', 'disable', 'optional', '0', 'no'].includes(wanted)) return { encrypt: false }
  if (words.has('certificate')) throw bad('certificate names a file; give the text as tls_ca')
  const { rejectUnauthorized, servername, ...credentials } = trustOf(details, trustDetails)
  const trusts = rejectUnauthorized === false || /^(?:true|1|yes)$/i.test(words.get('trustservercertificate') ?? '')
  const name = servername ?? words.get('hostnameincertificate')
  return { encrypt: wanted === 'strict' ? 'strict' : true, trustServerCertificate: trusts, cryptoCredentialsDetails: credentials, ...(name === undefined ? {} : { serverName: name }) }
}
