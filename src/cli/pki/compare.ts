/** Whether one certificate was made by another, in the five ways that are told apart. */
import { X509Certificate } from 'node:crypto'
import type { Api } from '../api.ts'
import { remoteError } from '../failure.ts'
import { trimPath } from '../paths.ts'

export interface ShownIssuer {
  readonly path: string
  readonly certificate: X509Certificate
  readonly chain: readonly X509Certificate[]
}

export const fieldsOf = (data: unknown): Readonly<Record<string, unknown>> => (typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>) : {})
const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])

/** An issuer at `MOUNT/issuer/NAME`, with or without `/json` behind it. */
export async function readIssuer(api: Api, given: string): Promise<ShownIssuer> {
  const path = trimPath(given)
  const data = fieldsOf((await api.read(path))?.data)
  const { certificate } = data
  if (typeof certificate !== 'string') throw remoteError(`error: unable to fetch issuer ${path}: there is no certificate`)
  return { path, certificate: new X509Certificate(certificate), chain: textsOf(data['ca_chain']).map((pem) => new X509Certificate(pem)) }
}

export interface Comparison {
  readonly subject_match: boolean
  readonly path_match: boolean
  readonly trust_match: boolean
  readonly key_id_match: boolean
  readonly signature_match: boolean
}

export function compareIssuers(issuer: ShownIssuer, issued: ShownIssuer, now: number): Comparison {
  const parent = issuer.certificate
  const child = issued.certificate
  const isChild = isSignedBy(child, parent)
  return {
    subject_match: parent.subject === child.issuer,
    path_match: issued.chain.some(({ raw }) => raw.equals(parent.raw)),
    trust_match: isTrusted(child, issued.chain, parent, now),
    key_id_match: isSameKeyId(parent, child),
    signature_match: isChild,
  }
}

function isSignedBy(child: X509Certificate, parent: X509Certificate): boolean {
  try {
    return child.verify(parent.publicKey)
  } catch {
    return false
  }
}

const isCurrent = ({ validFrom, validTo }: X509Certificate, now: number): boolean => Date.parse(validFrom) <= now && now <= Date.parse(validTo)

/** Whether trust in `root` reaches `child`, directly or by way of certificates of its chain. */
function isTrusted(child: X509Certificate, chain: readonly X509Certificate[], root: X509Certificate, now: number): boolean {
  if (!isCurrent(child, now) || !isCurrent(root, now)) return false
  if (child.raw.equals(root.raw) || (child.checkIssued(root) && isSignedBy(child, root))) return true
  const rest = chain.filter(({ raw }) => !raw.equals(child.raw))
  return rest.some((above) => above.ca && child.checkIssued(above) && isSignedBy(child, above) && isTrusted(above, rest, root, now))
}

// Object identifiers of the two extensions (RFC 5280 §4.2.1.1 and §4.2.1.2), as they stand in a certificate.
const subjectKeyId = Buffer.from('0603551d0e', 'hex')
const authorityKeyId = Buffer.from('0603551d23', 'hex')

function isSameKeyId(parent: X509Certificate, child: X509Certificate): boolean {
  const named = keyIdAfter(child.raw, authorityKeyId, 0x80)
  return named !== null && keyIdAfter(parent.raw, subjectKeyId, 0x04)?.equals(named) === true
}

/** The first short value under `tag` inside the extension. */
function keyIdAfter(der: Buffer, id: Buffer, tag: number): Buffer | null {
  const at = der.indexOf(id)
  if (at < 0) return null
  const start = at + id.length + (der[at + id.length] === 0x01 ? 3 : 0) + 2
  const inner = tag === 0x80 ? start + 2 : start
  const length = der[inner + 1] ?? 0
  return der[inner] === tag && length < 0x80 ? der.subarray(inner + 2, inner + 2 + length) : null
}
