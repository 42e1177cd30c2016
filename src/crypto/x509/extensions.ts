/** Extensions of certificates, requests and lists (RFC 5280 §4.2, §5.2): written one by one, read into a table. */
import { boolean, explicit, ia5, implicit, integer, namedBits, octetString, oid, sequence, tagged, tags, utf8 } from '../der.ts'
import { bitNumbers, DerError, oidText, readBoolean, readOid, readWhole, smallInteger, type DerReader } from '../der-reader.ts'
import { parseNames, urisOf, writeNames, writeUri, type AlternativeNames } from './general-names.ts'

export const extensionIds = {
  subjectKeyId: '2.5.29.14', keyUsage: '2.5.29.15', alternativeNames: '2.5.29.17', basicConstraints: '2.5.29.19', crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21', deltaCrlIndicator: '2.5.29.27', nameConstraints: '2.5.29.30', crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32', authorityKeyId: '2.5.29.35', extKeyUsage: '2.5.29.37', freshestCrl: '2.5.29.46',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1', acmeIdentifier: '1.3.6.1.5.5.7.1.31', ocspNonce: '1.3.6.1.5.5.7.48.1.2',
} as const

const encodedIds = new Map(Object.values(extensionIds).map((id) => [id as string, oid(id)]))

/** An Extension; `value` is the DER that the OCTET STRING wraps. */
export function extension(id: string, value: Uint8Array, isCritical = false): Buffer {
  const name = encodedIds.get(id) ?? oid(id)
  return isCritical ? sequence(name, boolean(true), octetString(value)) : sequence(name, octetString(value))
}

/** Names of the bits of KeyUsage, by their number (RFC 5280 §4.2.1.3). */
export const keyUsages = [
  'DigitalSignature', 'ContentCommitment', 'KeyEncipherment', 'DataEncipherment', 'KeyAgreement', 'CertSign', 'CRLSign', 'EncipherOnly', 'DecipherOnly',
] as const

export const keyUsage = (bits: readonly number[]): Buffer => extension(extensionIds.keyUsage, namedBits(bits), true)

/** Purposes by the names that Go and Vault know them under. */
export const extKeyUsages: Readonly<Record<string, string>> = Object.freeze({
  any: '2.5.29.37.0', serverauth: '1.3.6.1.5.5.7.3.1', clientauth: '1.3.6.1.5.5.7.3.2', codesigning: '1.3.6.1.5.5.7.3.3',
  emailprotection: '1.3.6.1.5.5.7.3.4', ipsecendsystem: '1.3.6.1.5.5.7.3.5', ipsectunnel: '1.3.6.1.5.5.7.3.6', ipsecuser: '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8', ocspsigning: '1.3.6.1.5.5.7.3.9', microsoftservergatedcrypto: '1.3.6.1.4.1.311.10.3.3',
  netscapeservergatedcrypto: '2.16.840.1.113730.4.1', microsoftcommercialcodesigning: '1.3.6.1.4.1.311.2.1.22', microsoftkernelcodesigning: '1.3.6.1.4.1.311.61.1.1',
})

export const extKeyUsage = (ids: readonly string[]): Buffer => extension(extensionIds.extKeyUsage, sequence(...ids.map(oid)))

/** `pathLength` counts only for a CA; null: no limit. */
export function basicConstraints(isCa: boolean, pathLength: number | null): Buffer {
  const limit = isCa && pathLength !== null ? [integer(pathLength)] : []
  return extension(extensionIds.basicConstraints, isCa ? sequence(boolean(true), ...limit) : sequence(), true)
}

export const subjectKeyId = (id: Uint8Array): Buffer => extension(extensionIds.subjectKeyId, octetString(id))
export const authorityKeyId = (id: Uint8Array): Buffer => extension(extensionIds.authorityKeyId, sequence(implicit(0, id)))
/** Critical where the subject is empty (RFC 5280 §4.2.1.6). */
export const alternativeNames = (names: AlternativeNames, isCritical: boolean): Buffer =>
  extension(extensionIds.alternativeNames, writeNames(names), isCritical)

const ocspAccess = oid('1.3.6.1.5.5.7.48.1')
const issuerAccess = oid('1.3.6.1.5.5.7.48.2')

export function authorityInfoAccess(ocspServers: readonly string[], issuingCertificates: readonly string[]): Buffer {
  const access = (method: Buffer) => (uri: string): Buffer => sequence(method, writeUri(uri))
  return extension(extensionIds.authorityInfoAccess, sequence(...ocspServers.map(access(ocspAccess)), ...issuingCertificates.map(access(issuerAccess))))
}

const distributionPoints = (uris: readonly string[]): Buffer => sequence(...uris.map((uri) => sequence(explicit(0, explicit(0, writeUri(uri))))))
export const crlDistributionPoints = (uris: readonly string[]): Buffer => extension(extensionIds.crlDistributionPoints, distributionPoints(uris))
export const freshestCrl = (uris: readonly string[]): Buffer => extension(extensionIds.freshestCrl, distributionPoints(uris))

/** What a certificate may say of one policy (RFC 5280 §4.2.1.4). */
export interface PolicyInformation {
  readonly oid: string
  readonly cps: string
  readonly notice: string
}

export function certificatePolicies(policies: readonly PolicyInformation[]): Buffer {
  const qualifiers = ({ cps, notice }: PolicyInformation): Buffer[] => [
    ...(cps === '' ? [] : [sequence(oid('1.3.6.1.5.5.7.2.1'), ia5(cps))]),
    ...(notice === '' ? [] : [sequence(oid('1.3.6.1.5.5.7.2.2'), sequence(utf8(notice)))]),
  ]
  const written = policies.map((policy) => {
    const said = qualifiers(policy)
    return said.length === 0 ? sequence(oid(policy.oid)) : sequence(oid(policy.oid), sequence(...said))
  })
  return extension(extensionIds.certificatePolicies, sequence(...written))
}

/** Which names may stand below a CA (RFC 5280 §4.2.1.10). Addresses are ranges: 8 or 32 bytes, address and mask. */
export interface NameConstraints {
  readonly dns: readonly string[]
  readonly email: readonly string[]
  readonly uri: readonly string[]
  readonly ip: readonly Uint8Array[]
}

export function nameConstraints(permitted: NameConstraints, excluded: NameConstraints): Buffer {
  const subtrees = (n: number, { dns, email, uri, ip }: NameConstraints): Buffer[] => {
    const text = (tag: number) => (name: string): Buffer => sequence(implicit(tag, Buffer.from(name, 'latin1')))
    const all = [...dns.map(text(2)), ...email.map(text(1)), ...uri.map(text(6)), ...ip.map((range) => sequence(implicit(7, range)))]
    return all.length === 0 ? [] : [tagged(0xa0 | n, ...all)]
  }
  return extension(extensionIds.nameConstraints, sequence(...subtrees(0, permitted), ...subtrees(1, excluded)), true)
}

export interface ParsedExtension {
  readonly id: string
  readonly isCritical: boolean
  /** The DER inside the OCTET STRING. */
  readonly value: Buffer
}

const extensionsMax = 100

/** Those that decisions are made by: read at once, so that whoever asks later cannot meet a malformed one. */
const shapes: ReadonlyMap<string, (value: Buffer) => unknown> = new Map<string, (value: Buffer) => unknown>([
  [extensionIds.basicConstraints, parseBasicConstraints], [extensionIds.keyUsage, parseKeyUsage], [extensionIds.subjectKeyId, parseKeyId], [extensionIds.authorityKeyId, parseAuthorityKeyId],
  [extensionIds.alternativeNames, parseNames],
])

/** Reads a SEQUENCE OF Extension; an extension may occur once (RFC 5280 §4.2), and those that are understood are well-formed. */
export function parseExtensions(list: DerReader): ReadonlyMap<string, ParsedExtension> {
  const found = new Map<string, ParsedExtension>()
  while (!list.isAtEnd) {
    const one = list.enter()
    const id = readOid(one)
    const critical = one.optional(tags.boolean)
    const value = one.next(tags.octetString).content
    one.end()
    if (found.has(id) || found.size >= extensionsMax) throw new DerError('an extension occurs twice, or there are too many')
    shapes.get(id)?.(value)
    found.set(id, { id, isCritical: critical !== null && readBoolean(critical.content), value })
  }
  return found
}

/** `pathLength` null: no limit. */
export function parseBasicConstraints(value: Buffer): { readonly isCa: boolean; readonly pathLength: number | null } {
  const reader = readWhole(value)
  const ca = reader.optional(tags.boolean)
  const limit = reader.optional(tags.integer)
  reader.end()
  return { isCa: ca !== null && readBoolean(ca.content), pathLength: limit === null ? null : smallInteger(limit.content) }
}

export function parseKeyUsage(value: Buffer): number[] {
  return bitNumbers(readWholeValue(value, tags.bitString))
}

export function parseKeyId(value: Buffer): Buffer {
  return readWholeValue(value, tags.octetString)
}

/** The key identifier of an AuthorityKeyIdentifier, or null if it names the key otherwise. */
export function parseAuthorityKeyId(value: Buffer): Buffer | null {
  return readWhole(value).optional(0x80)?.content ?? null
}

export const parseExtKeyUsage = (value: Buffer): string[] => readWhole(value).rest().map(({ content }) => oidText(content))

/** The URIs of CRLDistributionPoints. */
export function parseDistributionPoints(value: Buffer): string[] {
  const points = readWhole(value)
  const found: string[] = []
  while (!points.isAtEnd) {
    const name = points.enter().optional(0xa0)
    if (name !== null) found.push(...urisOf(readWhole(name.content, 0xa0).rest()))
  }
  return found
}

function readWholeValue(value: Buffer, tag: number): Buffer {
  const reader = readWhole(sequence(value))
  const { content } = reader.next(tag)
  reader.end()
  return content
}
