/** TLS to a database: whom it trusts and what it shows, out of the details of a connection. Everything is a text in PEM; files are not read. */
import { createSecureContext, type ConnectionOptions } from 'node:tls'
import { pemDecode, pemEncode } from '../../crypto/pem.ts'
import { badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { parseJson, type JsonObject } from '../../kit/json.ts'
import type { HttpTls } from '../outbound/http.ts'
import { flagDetail, textDetail } from './details.ts'

/** Names of the details; each kind of database has its own. '' for what it has not. */
export interface TrustDetails {
  readonly ca: string
  readonly certificate: string
  /** The same as `certificate` where one text holds both. */
  readonly key: string
  readonly insecure: string
}

const bad = (name: string, what: string, cause?: unknown): Error => badRequest(`error creating database object: ${name}: ${what}`, { cause })

const minVersions: ReadonlySet<string> = new Set(['tls12', 'tls13'])

/** Throws `bad_request` for what is no PEM, naming the detail. `tls_server_name` and `tls_min_version` are the same for all. */
export function trustOf(details: JsonObject, names: TrustDetails): ConnectionOptions {
  const text = (name: string): string => (name === '' ? '' : textDetail(details, name))
  const [ca, cert, key, servername, minimum] = [text(names.ca), text(names.certificate), text(names.key), textDetail(details, 'tls_server_name'), textDetail(details, 'tls_min_version')]
  if (ca !== '' && !pemDecode(ca).some(({ label }) => label === 'CERTIFICATE')) throw bad(names.ca, 'there is no certificate in it')
  if ((cert === '') !== (key === '')) throw bad(cert === '' ? names.certificate : names.key, 'a certificate and its private key go together')
  if (minimum !== '' && !minVersions.has(minimum)) throw bad('tls_min_version', 'tls12 and tls13 are known')
  const pair = cert === '' ? {} : { cert, key }
  try {
    createSecureContext({ ...(ca === '' ? {} : { ca }), ...pair })
  } catch (error) {
    throw bad(cert === '' ? names.ca : names.certificate, 'unusable certificate or key', error)
  }
  return {
    ...(ca === '' ? {} : { ca }), ...pair,
    ...(servername === '' ? {} : { servername }),
    ...(minimum === 'tls13' ? { minVersion: 'TLSv1.3' as const } : {}),
    rejectUnauthorized: names.insecure === '' || !flagDetail(details, names.insecure),
  }
}

/** Whether any of the details says something of TLS. */
export const speaksOfTls = (details: JsonObject, { ca, certificate }: TrustDetails): boolean =>
  [ca, certificate, 'tls_server_name'].some((name) => name !== '' && textDetail(details, name) !== '')

/** `pem_bundle` and `pem_json`: authorities, and maybe a certificate with its key, in one text. Null: neither is given. Throws `bad_request`. */
export function bundleOf(details: JsonObject): ConnectionOptions | null {
  const [bundle, json] = [textDetail(details, 'pem_bundle'), textDetail(details, 'pem_json')]
  if (bundle !== '' && json !== '') throw bad('pem_bundle', 'cannot specify both pem_json and pem_bundle')
  if (bundle === '' && json === '') return null
  const name = bundle === '' ? 'pem_json' : 'pem_bundle'
  const blocks = pemDecode(bundle === '' ? textsIn(json) : bundle)
  const pem = (wanted: (label: string) => boolean): readonly string[] => blocks.filter(({ label }) => wanted(label)).map(({ label, der }) => pemEncode(label, der))
  const [certificates, keys] = [pem((label) => label === 'CERTIFICATE'), pem((label) => label.endsWith('PRIVATE KEY'))]
  if (certificates.length === 0) throw bad(name, 'there is no certificate in it')
  const [key] = keys
  // With a key the first certificate is the one that is shown.
  const ca = key === undefined ? certificates : certificates.slice(1)
  return { ...(ca.length === 0 ? {} : { ca: ca.join('\n') }), ...(key === undefined ? {} : { cert: certificates.join('\n'), key }) }
}

function textsIn(json: string): string {
  try {
    const parsed = parseJson(json)
    if (isJsonObject(parsed)) return ['certificate', 'private_key', 'issuing_ca', 'ca_chain'].flatMap((name) => parsed[name] ?? []).join('\n')
  } catch (cause) {
    throw bad('pem_json', 'not JSON', cause)
  }
  throw bad('pem_json', 'not a JSON object')
}

/** The same for requests over HTTP. */
export function httpTrust({ ca, cert, key, servername, rejectUnauthorized, minVersion }: ConnectionOptions): HttpTls {
  const text = (name: 'ca' | 'cert' | 'key', value: unknown): HttpTls => (typeof value === 'string' ? { [name]: value } : {})
  return { ...text('ca', ca), ...text('cert', cert), ...text('key', key), ...(servername === undefined ? {} : { serverName: servername }), insecure: rejectUnauthorized === false, ...(minVersion === 'TLSv1.3' ? { minVersion } : {}) }
}
