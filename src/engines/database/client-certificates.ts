/** Client certificates as credentials: each is signed by the authority of its role, and ends with the lease that it was made with. */
import type { KeyObject } from 'node:crypto'
import { parseNameTemplate } from '../../crypto/name-template.ts'
import { pemDecode, pemEncode } from '../../crypto/pem.ts'
import { algorithmFor } from '../../crypto/x509/algorithms.ts'
import { isCa, newSerial, parseCertificate, subjectKeyIdOf, writeCertificate, type Certificate } from '../../crypto/x509/certificate.ts'
import { authorityKeyId, extKeyUsage, extKeyUsages, keyUsage, subjectKeyId } from '../../crypto/x509/extensions.ts'
import { findPrivateKey, generateKey, keyIdOf, kindOf, privatePem, spkiOf, type KeyKind, type KeyType } from '../../crypto/x509/keys.ts'
import { attributeTypes, writeName } from '../../crypto/x509/name.ts'
import { badRequest } from '../../kit/errors.ts'
import type { CredentialConfig } from './records.ts'

/** What a common name is made of. `Username` is the user's own name, which PostgreSQL wants to see there. */
const nameFields = ['DisplayName', 'RoleName', 'Username'] as const
export type NameFields = Readonly<Record<(typeof nameFields)[number], string>>

/** Bits that a key of a type may have; the first is the default. */
const keyBits: Readonly<Record<KeyType, readonly number[]>> = { rsa: [2048, 3072, 4096], ec: [256, 224, 384, 521], ed25519: [0] }
const signatureBits = [256, 384, 512]

const bad = (what: string, cause?: unknown): Error => badRequest(`credential_config validation failed: ${what}`, { cause })

/** What counts of a configuration, with its defaults. Throws `bad_request` with Vault's words. */
export function parseCertificateConfig(config: Readonly<Record<string, string>>): CredentialConfig {
  const type = config['key_type'] ?? ''
  if (!isKeyType(type)) throw bad('invalid key_type')
  const template = config['common_name_template'] ?? ''
  const parsed = {
    key_type: type,
    key_bits: choice(type === 'ed25519' ? '' : config['key_bits'], keyBits[type], 'key_bits'),
    signature_bits: choice(config['signature_bits'], signatureBits, 'signature_bits'),
    common_name_template: template,
    ca_cert: config['ca_cert'] ?? '',
    ca_private_key: config['ca_private_key'] ?? '',
  }
  if (template === '') throw bad('missing required common_name_template')
  try {
    parseNameTemplate(template, nameFields)
  } catch (error) {
    throw bad(`invalid common_name_template: ${error instanceof Error ? error.message : 'unusable'}`, error)
  }
  authorityOf(parsed)
  return parsed
}

const isKeyType = (type: string): type is KeyType => Object.hasOwn(keyBits, type)

function choice(given: string | undefined, allowed: readonly number[], name: string): number {
  const number = Number(given ?? 0) || (allowed[0] ?? 0)
  if (!allowed.includes(number)) throw bad(`invalid ${name}`)
  return number
}

interface Authority {
  readonly certificate: Certificate
  readonly key: KeyObject
  readonly kind: KeyKind
}

function authorityOf(config: CredentialConfig): Authority {
  const [ca, pem] = [String(config['ca_cert'] ?? ''), String(config['ca_private_key'] ?? '')]
  if (ca === '') throw bad('missing required ca_cert')
  if (pem === '') throw bad('missing required ca_private_key')
  const certificate = certificateIn(ca)
  const block = pemDecode(pem).find(({ label }) => label.endsWith('PRIVATE KEY'))
  const key = block === undefined ? null : findPrivateKey(block.der)
  const kind = key === null ? null : kindOf(key)
  if (key === null || kind === null) throw bad('private key not found in the PEM bundle')
  if (!isCa(certificate)) throw bad('the given certificate is not marked for CA use')
  if (!spkiOf(key).equals(certificate.spki)) throw bad('ca_private_key is not the key of ca_cert')
  return { certificate, key, kind }
}

function certificateIn(pem: string): Certificate {
  const block = pemDecode(pem).find(({ label }) => label === 'CERTIFICATE')
  if (block === undefined) throw bad('certificate not found in the PEM bundle')
  try {
    return parseCertificate(block.der)
  } catch (error) {
    throw bad('ca_cert is not a certificate', error)
  }
}

export interface ClientCertificate {
  /** As RFC 4514 writes it: `CN=name`. */
  readonly subject: string
  readonly certificate: string
  readonly privateKey: string
  readonly keyType: KeyType
}

interface Wanted {
  readonly fields: NameFields
  /** Milliseconds since 1970, as `now`. */
  readonly expiresAt: number
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

const backdatedMs = 30_000

/** Throws `bad_request` when the authority ends before the certificate would, or the name comes out empty. */
export async function makeClientCertificate(config: CredentialConfig, { fields, expiresAt, now, random }: Wanted): Promise<ClientCertificate> {
  const { certificate: ca, key, kind } = authorityOf(config)
  if (ca.notAfter < expiresAt) throw badRequest('unable to generate client certificate: it would outlive the certificate of its authority')
  const commonName = parseNameTemplate(String(config['common_name_template']), nameFields)({ fields, now, random })
  if (commonName === '') throw badRequest('unable to generate client certificate: common_name_template gives an empty name')
  const made = await generateKey(config['key_type'] as KeyType, Number(config['key_bits']))
  const parts = {
    serial: newSerial(random), issuer: ca.subject, subject: writeName([[{ type: attributeTypes.commonName, value: commonName }]]),
    notBefore: now - backdatedMs, notAfter: expiresAt, spki: made.spki,
    extensions: [keyUsage([0]), extKeyUsage([extKeyUsages['clientauth'] ?? '']), subjectKeyId(keyIdOf(made.spki)), authorityKeyId(subjectKeyIdOf(ca) ?? keyIdOf(ca.spki))],
  }
  const der = await writeCertificate(parts, { algorithm: algorithmFor(kind, Number(config['signature_bits']), false), key })
  return { subject: `CN=${escapeValue(commonName)}`, certificate: `${pemEncode('CERTIFICATE', der)}\n`, privateKey: `${privatePem(made.type, made.privateDer)}\n`, keyType: made.type }
}

/** RFC 4514 §2.4. */
const escapeValue = (text: string): string => text.replaceAll(/[,+"\\<>;]|^[ #]| $/g, (character) => `\\${character}`)
