/** TLS to a database: whom it trusts and what it shows, out of the details of a connection. Everything is a text in PEM; files are not read. */
import { createSecureContext, type ConnectionOptions } from 'node:tls'
import { pemDecode } from '../../crypto/pem.ts'
import { badRequest } from '../../kit/errors.ts'
import type { JsonObject } from '../../kit/json.ts'
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
