/**
 * Certificates that were made here: by serial number, and again in the folder of the hour in which they end, so that tidying finds what is over without
 * looking at the rest.
 */
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'

/** `aa-bb-…`: the form in keys. */
export const dashed = (serial: string): string => serial.toLowerCase().replaceAll(':', '-')
/** `aa:bb:…`: the form that is shown. */
export const coloned = (serial: string): string => serial.toLowerCase().replaceAll('-', ':')

export const certificatesFolder = 'certs/'
export const expiryFolder = 'expiry/'
export const metadataFolder = 'metadata/'
export const certificateKey = (serial: string): string => certificatesFolder + dashed(serial)

const hourMs = 3_600_000

/** Folder of the hour in which something ends: sorts by time. */
export const hourFolder = (at: number): string => Math.floor(at / hourMs).toString().padStart(10, '0')
export const hourEnd = (folder: string): number => (Number(folder) + 1) * hourMs

const mark = Uint8Array.of(1)

/** `serial` in either form; `notAfter` in milliseconds. */
export function storeCertificate(store: Transaction, serial: string, der: Uint8Array, notAfter: number): void {
  store.put(certificateKey(serial), der)
  store.put(`${expiryFolder}${hourFolder(notAfter)}/${dashed(serial)}`, mark)
}

/** `hour` is the folder that it stands in. */
export function forgetCertificate(store: Transaction, hour: string, serial: string): void {
  store.delete(certificateKey(serial))
  store.delete(`${expiryFolder}${hour}/${dashed(serial)}`)
  metadata.remove(store, serial)
}

/** DER, or null. */
export const findCertificate = async (store: Pick<Transaction, 'get'>, serial: string): Promise<Buffer | null> => {
  const entry = await store.get(certificateKey(serial))
  return entry === null ? null : Buffer.from(entry.value.buffer, entry.value.byteOffset, entry.value.byteLength)
}

/** What a request gave to be kept with a certificate. */
export interface CertificateMetadata {
  readonly issuerId: string
  /** Milliseconds since 1970. */
  readonly notAfter: number
  readonly role: string
  /** Base64. */
  readonly metadata: string
}

export const metadata = records<CertificateMetadata, [serial: string]>((serial) => metadataFolder + dashed(serial))
