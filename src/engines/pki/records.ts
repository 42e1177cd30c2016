/** What a mount stores, under which keys. Names that begin with a dot are never listed, which makes them cheaper to write. */
import { keyIdOf, privateKeyOf, type KeyType } from '../../crypto/x509/keys.ts'
import { parseCertificate, subjectKeyIdOf, type Certificate } from '../../crypto/x509/certificate.ts'
import { pemEncode } from '../../crypto/pem.ts'
import { badRequest } from '../../kit/errors.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { uuidOf } from '../../kit/uuid.ts'
import type { KeyObject } from 'node:crypto'
import type { Role } from './role-fields.ts'

export interface IssuerEntry {
  readonly id: string
  /** '' without one. */
  readonly name: string
  /** '' where only the certificate is known. */
  readonly keyId: string
  /** `3a:00:…`. */
  readonly serial: string
  /** SHA-256 of the certificate. */
  readonly fingerprint: string
}

export interface KeyEntry {
  readonly id: string
  readonly name: string
  readonly type: KeyType
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly fingerprint: string
}

/** All issuers and keys of a mount and which are the defaults: one small record that every request for a certificate reads. */
export interface CaIndex {
  readonly issuers: readonly IssuerEntry[]
  readonly keys: readonly KeyEntry[]
  /** Ids; '' for none. */
  readonly defaultIssuer: string
  readonly defaultKey: string
  readonly followsLatest: boolean
}

export interface AiaUrls {
  readonly issuing_certificates: readonly string[]
  readonly crl_distribution_points: readonly string[]
  readonly delta_crl_distribution_points: readonly string[]
  readonly ocsp_servers: readonly string[]
  readonly enable_templating: boolean
}

export interface IssuerRecord {
  readonly id: string
  /** DER in base64. */
  readonly certificate: string
  /** Ids of the certificates above it that the mount knows, itself first. */
  readonly chain: readonly string[]
  readonly manualChain: readonly string[] | null
  readonly leafNotAfter: string
  /** Sorted. */
  readonly usage: readonly string[]
  /** Name of a signature algorithm, or ''. */
  readonly revocationAlgorithm: string
  /** Null: those of the mount. */
  readonly urls: AiaUrls | null
  /** Milliseconds since 1970; null while it is not revoked. */
  readonly revokedAt: number | null
}

export interface KeyRecord {
  readonly id: string
  readonly type: KeyType
  readonly bits: number
  /** In the traditional form of its type, base64. */
  readonly privateDer: string
  readonly spki: string
  /** The private half is elsewhere, and `privateDer` is ''. */
  readonly managed?: { readonly id: string; readonly name: string }
}

const index = records<CaIndex, []>(() => '.ca')
export const issuers = records<IssuerRecord, [id: string]>((id) => `.issuer/${id}`)
export const keys = records<KeyRecord, [id: string]>((id) => `.key/${id}`)
export const roles = records<Role, [name: string]>((name) => `roles/${name}`)

const empty: CaIndex = Object.freeze({ issuers: [], keys: [], defaultIssuer: '', defaultKey: '', followsLatest: false })

export const readIndex = async (store: Pick<Transaction, 'get'>): Promise<CaIndex> => (await index.read(store)) ?? empty
export const writeIndex = (store: Transaction, value: CaIndex): void => index.write(store, value)

/** An issuer with what is derived from its record, once for as long as the record stays the same. */
export interface Issuer {
  readonly record: IssuerRecord
  readonly certificate: Certificate
  /** Without a line end at its end. */
  readonly pem: string
  /** Key identifier of what it signs. */
  readonly keyId: Buffer
}

const derived = new WeakMap<IssuerRecord, Issuer>()

export function issuerOf(record: IssuerRecord): Issuer {
  const known = derived.get(record)
  if (known !== undefined) return known
  const certificate = parseCertificate(Buffer.from(record.certificate, 'base64'))
  const made = Object.freeze({ record, certificate, pem: pemEncode('CERTIFICATE', certificate.der), keyId: subjectKeyIdOf(certificate) ?? keyIdOf(certificate.spki) })
  derived.set(record, made)
  return made
}

const keyObjects = new WeakMap<KeyRecord, KeyObject>()

/** The private key of a record, decoded once for as long as the record stays the same. */
export function keyObjectOf(record: KeyRecord): KeyObject {
  const known = keyObjects.get(record)
  if (known !== undefined) return known
  if (record.managed !== undefined) throw badRequest('this needs the private key itself, and that of a managed key stays where it is')
  const made = privateKeyOf(record.type, Buffer.from(record.privateDer, 'base64'))
  keyObjects.set(record, made)
  return made
}

export const newId = (random: (bytes: number) => Uint8Array): string => uuidOf(random(16))
