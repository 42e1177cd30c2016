/** Where an Oracle is: `{{username}}/{{password}}@host:1521/service`, as Vault has it, with or without `oracle://`, `//` and `tcps://`. */
import { pemDecode } from '../../../crypto/pem.ts'
import { badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { checkLogin, fillUrl, flagDetail, textDetail, urlDetail } from '../details.ts'
import type { Login } from '../driver.ts'
import { trustOf } from '../trust.ts'

export interface OracleAddress {
  readonly login: Login
  /** `host:port/service` or `tcps://host:port/service`. */
  readonly connectString: string
  /** Authorities with a certificate and its key, in PEM; '': those that Node.js knows. */
  readonly wallet: string
}

const bad = (what: string): Error => badRequest(`error creating database object: ${what}`)
const [plainPort, tlsPort] = [1521, 2484]
const trustDetails = { ca: 'tls_ca', certificate: 'tls_certificate_key', key: 'tls_certificate_key', insecure: '' } as const

/** Names of `tnsnames.ora`, descriptors and wallets would be files of the server, or lead to some, and are not taken. Throws `bad_request`. */
export function parseOracleUrl(details: JsonObject): OracleAddress {
  const login = checkLogin(details)
  const text = urlDetail(details).trim().replace(/^oracle:\/\//i, '')
  const found = /^(?:([^/:@]*)(?:[/:]([^@]*))?@)?(?:(tcps?):)?(?:\/\/)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/([\w.$#-]+)(?::(dedicated|shared|pooled))?$/i.exec(text)
  if (found === null) throw bad('connection_url: expected {{username}}/{{password}}@host:1521/service, or tcps://host:2484/service; names of tnsnames.ora and descriptors are not taken')
  const [, user = '', password = '', scheme = 'tcp', host = '', port = '', service = '', server = ''] = found
  const isTls = scheme.toLowerCase() === 'tcps'
  const place = `${host}:${port === '' ? (isTls ? tlsPort : plainPort) : port}/${service}${server === '' ? '' : `:${server}`}`
  const filled = (template: string, fallback: string): string => (template === '' ? fallback : fillUrl(template, login, (part) => part))
  return { login: { username: filled(user, login.username), password: filled(password, login.password) }, connectString: isTls ? `tcps://${place}` : place, wallet: walletOf(details, isTls) }
}

/** The package takes an authority only together with a certificate to show. */
function walletOf(details: JsonObject, isTls: boolean): string {
  for (const name of ['tls_server_name', 'tls_min_version']) if (textDetail(details, name) !== '') throw bad(`${name}: its package takes none`)
  if (flagDetail(details, 'tls_skip_verify')) throw bad('tls_skip_verify: its package takes none')
  const { ca, cert } = trustOf(details, trustDetails)
  if (ca === undefined && cert === undefined) return ''
  if (!isTls) throw bad('connection_url: tls_ca and tls_certificate_key are for tcps://')
  if (cert === undefined) throw bad('tls_ca: its package takes an authority only together with tls_certificate_key')
  if (!pemDecode(String(cert)).some(({ label }) => label.endsWith('PRIVATE KEY'))) throw bad('tls_certificate_key: there is no key in it')
  return [cert, ca].filter((part) => part !== undefined).map(String).join('\n')
}
