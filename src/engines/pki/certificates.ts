/**
 * Certificates that were made here, by serial number. Those whose serial number does not tell when they end stand again in the folder of the hour in which they do, so that
 * tidying finds what is over without looking at the rest.
 */
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { dashed, tellsEnd } from './serials.ts'

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
  const name = dashed(serial)
  store.put(certificatesFolder + name, der)
  if (!tellsEnd(name, notAfter)) store.put(`${expiryFolder}${hourFolder(notAfter)}/${name}`, mark)
}

/** `hour` is the folder that it stands in, null for one whose serial number tells its end. */
export function forgetCertificate(store: Transaction, hour: string | null, serial: string): void {
  store.delete(certificateKey(serial))
  if (hour !== null) store.delete(`${expiryFolder}${hour}/${dashed(serial)}`)
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
