/** Last phase of a certificate: number, signature, storage, and the answer. */
import { isSelfSigned, serialText, writeCertificate, type Signer } from '../../crypto/x509/certificate.ts'
import type { Issuer } from './records.ts'
import { storeCertificate } from './certificates.ts'
import { serialFor } from './serials.ts'
import type { Call } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import type { Validity } from './validity.ts'

export interface Draft extends Validity {
  /** DER names. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly spki: Uint8Array
  readonly extensions: readonly Uint8Array[]
}

export interface Made {
  readonly der: Buffer
  /** `3a:00:…`. */
  readonly serial: string
  readonly notAfter: number
}

export async function sign(draft: Draft, signer: Signer, { now, random }: Pick<Call<unknown, unknown>, 'now' | 'random'>): Promise<Made> {
  const serial = serialFor(draft.notAfter, now, random)
  return { der: await writeCertificate({ serial, ...draft }, signer), serial: serialText(serial), notAfter: draft.notAfter }
}

export const keep = (store: Transaction, { serial, der, notAfter }: Made): void => storeCertificate(store, serial, der, notAfter)

const selfSigned = new WeakMap<Issuer, boolean>()

/** Whether an issuer is a root; worked out once for each. */
export function isRoot(issuer: Issuer): boolean {
  let known = selfSigned.get(issuer)
  if (known === undefined) {
    known = isSelfSigned(issuer.certificate)
    selfSigned.set(issuer, known)
  }
  return known
}
