/** Certificates for others than CAs: the phases one after the other, for issuing, signing and signing verbatim. */
import { DerReader } from '../../crypto/der-reader.ts'
import type { Signer } from '../../crypto/x509/certificate.ts'
import { extension, extensionIds, parseExtensions } from '../../crypto/x509/extensions.ts'
import { keyIdOf, type KeyKind } from '../../crypto/x509/keys.ts'
import { isEmptyName } from '../../crypto/x509/name.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Call } from '../../kit/operation.ts'
import { reply, type Data, type Result } from '../../kit/result.ts'
import { certificateData, checkFormat, inFormat, type Format, type ShownKey } from './answer.ts'
import { leafExtensions, subjectOf } from './assemble.ts'
import { chainOf, resolveAuthority, signerFor, type Authority } from './authority.ts'
import { metadata } from './certificates.ts'
import { collect, type NameInput } from './collect.ts'
import type { CheckedRequest } from './csr.ts'
import { isRoot, keep, sign, type Draft, type Made } from './make.ts'
import type { Issuer } from './records.ts'
import type { Role } from './role-fields.ts'
import { checkWanted } from './rules.ts'
import { urlsFor } from './urls.ts'
import { validityOf, type ValidityWish } from './validity.ts'

/** What any of these operations is called with. */
export type LeafCall = Pick<Call<unknown, unknown>, 'managedKeys' | 'store' | 'mount' | 'now' | 'random' | 'warn' | 'fillTemplate' | 'caller'>

export interface LeafInput extends NameInput, ValidityWish {
  readonly format: string
  readonly private_key_format: string
  readonly remove_roots_from_chain: boolean
  readonly cert_metadata?: string | undefined
}

export interface LeafOrder {
  readonly roleName: string
  readonly role: Role
  readonly issuerRef: string
  readonly input: LeafInput
  /** Null when the key is made here. */
  readonly csr: CheckedRequest | null
  /** Subject and extensions are those of the CSR, whatever they say. */
  readonly isVerbatim: boolean
  /** What would outlive the issuer ends with it, whatever the issuer says: for clients that cannot choose. */
  readonly isTruncated?: boolean
}

/** The public key, and the private one where it was made here. */
export interface LeafKey extends KeyKind {
  readonly spki: Buffer
  readonly privateKey: ShownKey | null
}

export interface Issued extends Made {
  readonly authority: Authority
  readonly notBefore: number
}

/** Whoever may choose their own name must not widen a role by it: no wildcard, no further part of a name or path (GHSA-59w7). */
const isPlainValue = (value: string): boolean => /^[\w.@-]+$/.test(value)

/** Judges, signs and keeps. Throws `bad_request` for whatever the role or the issuer does not allow. */
export async function issueLeaf(call: LeafCall, order: LeafOrder, keyOf: () => Promise<LeafKey> | LeafKey): Promise<{ readonly issued: Issued; readonly key: LeafKey }> {
  const { role, input, csr } = order
  const authority = await resolveAuthority(call.store, order.issuerRef, 'issuing-certificates')
  const wanted = collect(role, input, csr)
  checkWanted(wanted, role, { displayName: call.caller?.displayName ?? '', fill: (text) => call.fillTemplate(text, isPlainValue) })
  const validity = validityOf(role, input, {
    now: call.now,
    mountDefaultSeconds: call.mount.defaultLeaseSeconds,
    mountMaxSeconds: call.mount.maxLeaseSeconds,
    issuer: { notAfter: authority.issuer.certificate.notAfter, behavior: order.isTruncated === true ? 'truncate' : authority.issuer.record.leafNotAfter },
    warn: call.warn,
  })
  const urls = await urlsFor(call.store, authority.issuer)
  const key = await keyOf()
  const subject = order.isVerbatim && csr !== null ? csr.subjectDer : subjectOf(role, wanted)
  const ids = { subject: keyIdOf(key.spki), authority: authority.issuer.keyId }
  const own = leafExtensions(role, key.type, ids, wanted.names, isEmptyName(subject), urls)
  // What is spread stands last, here and on the rest of this way: V8 takes half a microsecond for each property that is added to an object that began as a copy.
  const draft: Draft = {
    subject, issuer: authority.issuer.certificate.subject, spki: key.spki, extensions: order.isVerbatim && csr !== null ? verbatimExtensions(own, csr) : own, ...validity,
  }
  const made = await sign(draft, leafSigner(call, authority, role), call)
  if (!role.no_store) keep(call.store, made)
  return { issued: { authority, notBefore: validity.notBefore, ...made }, key }
}

/** The role's wishes count where the issuer has an RSA key; other keys decide themselves. */
function leafSigner(call: LeafCall, { key }: Authority, role: Role): Signer {
  return signerFor(call, key, key.type === 'rsa' ? role.signature_bits : 0, role.use_pss)
}

/** What only the issuer may say: whether it is a CA, and which key is whose. */
const issuersOwn: ReadonlySet<string> = new Set([extensionIds.basicConstraints, extensionIds.subjectKeyId, extensionIds.authorityKeyId])

/** The CSR's extensions, and of our own those that it does not have. */
function verbatimExtensions(own: readonly Buffer[], csr: CheckedRequest): Buffer[] {
  const taken = [...csr.extensions.values()].filter(({ id }) => !issuersOwn.has(id))
  const kept = [...parseExtensions(new DerReader(Buffer.concat(own))).values()].filter(({ id }) => issuersOwn.has(id) || !csr.extensions.has(id))
  return [...kept, ...taken].map(({ id, value, isCritical }) => extension(id, value, isCritical))
}

/** The answer of issue and sign. */
export async function leafAnswer(call: LeafCall, order: LeafOrder, { issued, key }: Awaited<ReturnType<typeof issueLeaf>>): Promise<Result> {
  const { input, role } = order
  const format = checkFormat(input.format)
  const data = await leafData(call, input, format, issued, key)
  keepMetadata(call, order, issued)
  if (!role.generate_lease) return data
  const seconds = Math.max(1, Math.floor((issued.notAfter - call.now) / 1000))
  return reply({ data, lease: { kind: 'pki', ttlSeconds: seconds, maxTtlSeconds: seconds, renewable: false, internal: { serial_number: issued.serial } } })
}

async function leafData(call: LeafCall, input: LeafInput, format: Format, issued: Issued, key: LeafKey): Promise<Data> {
  const { issuer } = issued.authority
  const chain = (await chainOf(call.store, issuer)).filter((above) => !input.remove_roots_from_chain || !isRoot(above))
  const pems = chain.map(({ pem }) => pem)
  const shown = certificateData({ der: issued.der, chain: pems, issuingCa: issuer.pem, key: key.privateKey }, format, input.private_key_format)
  return {
    expiration: issued.notAfter / 1000,
    not_before: issued.notBefore / 1000,
    serial_number: issued.serial,
    ...shown,
    ...(pems.length === 0 ? {} : { ca_chain: shownChain(chain, format) }),
  }
}

const shownChains = new WeakMap<Issuer, { readonly chain: readonly Issuer[]; readonly format: Format; readonly shown: readonly string[] }>()

/** The same frozen list for as long as the chain is the same: what the audit log writes of it is then kept with it. */
function shownChain(chain: readonly Issuer[], format: Format): readonly string[] {
  const first = chain[0] as Issuer
  const known = shownChains.get(first)
  if (known?.format === format && known.chain.length === chain.length && known.chain.every((one, i) => one === chain[i])) return known.shown
  const shown = Object.freeze(chain.map(({ pem }) => inFormat(pem, format)))
  shownChains.set(first, { chain, format, shown })
  return shown
}

const metadataMax = 64 * 1024

function keepMetadata({ store }: LeafCall, { input, role, roleName }: LeafOrder, { serial, authority, notAfter }: Issued): void {
  const given = input.cert_metadata
  if (given === undefined || given === '') return
  if (role.no_store_metadata || role.no_store) throw badRequest('cert_metadata was given, but the role keeps none (no_store_metadata or no_store)')
  if (given.length > metadataMax || !/^[A-Za-z0-9+/]*={0,2}$/.test(given) || given.length % 4 !== 0) throw badRequest('cert_metadata must be base64 of at most 48 KiB')
  metadata.write(store, { issuerId: authority.entry.id, notAfter, role: roleName, metadata: given }, serial)
}

