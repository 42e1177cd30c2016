/** How certificates, chains and keys are shown. */
import { pemEncode } from '../../crypto/pem.ts'
import { privatePem, toPkcs8, type KeyType } from '../../crypto/x509/keys.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Data } from '../../kit/result.ts'

export type Format = 'pem' | 'der' | 'pem_bundle'

export function checkFormat(written: string): Format {
  if (written === 'pem' || written === 'der' || written === 'pem_bundle') return written
  throw badRequest('the "format" path parameter must be "pem", "der", or "pem_bundle"')
}

export const certificatePem = (der: Uint8Array): string => pemEncode('CERTIFICATE', der)
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

/** A private key that is handed out. */
export interface ShownKey {
  readonly type: KeyType
  /** In the traditional form of its type. */
  readonly der: Buffer
}

/** `keyFormat` other than `pkcs8` means the traditional form. */
export function keyText({ type, der }: ShownKey, format: Format, keyFormat: string): string {
  const pkcs8 = keyFormat === 'pkcs8' ? toPkcs8(type, der) : null
  if (format === 'der') return base64(pkcs8 ?? der)
  return pkcs8 === null ? privatePem(type, der) : pemEncode('PRIVATE KEY', pkcs8)
}

export interface Shown {
  readonly der: Uint8Array
  /** PEM of the certificates above, the issuer first; what stands in the bundle. */
  readonly chain: readonly string[]
  readonly issuingCa: string
  readonly key: ShownKey | null
}

/** `certificate`, `issuing_ca` and, where there is one, the private key. PEM of the issuer is turned into what the format asks for. */
export function certificateData({ der, chain, issuingCa, key }: Shown, format: Format, keyFormat: string): Data {
  const pem = certificatePem(der)
  const keyShown = key === null ? null : keyText(key, format, keyFormat)
  const certificate = format === 'der' ? base64(der) : format === 'pem' ? pem : [...(keyShown === null ? [] : [keyShown]), pem, ...chain].join('\n')
  return {
    certificate,
    issuing_ca: inFormat(issuingCa, format),
    ...(keyShown === null ? {} : { private_key: keyShown, private_key_type: key?.type }),
  }
}

/** A PEM certificate in a format: DER is its base64 without the lines around it. */
export const inFormat = (pem: string, format: Format): string => (format === 'der' ? pem.replaceAll(/-----[^-]+-----|\s/g, '') : pem)
