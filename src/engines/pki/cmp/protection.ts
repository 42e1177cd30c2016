/** Who sent a message, by its protection: a shared secret, or a certificate of this mount. */
import { timingSafeEqual } from 'node:crypto'
import type { CmpMessage, Protector } from '../../../crypto/cmp/message.ts'
import { computeMac, newPasswordMac, parsePasswordMac, writePasswordMac } from '../../../crypto/cmp/password-mac.ts'
import { algorithmOf, isSignedBy, signBytes } from '../../../crypto/x509/algorithms.ts'
import { parseCertificate, type Certificate } from '../../../crypto/x509/certificate.ts'
import { findPublicKey } from '../../../crypto/x509/keys.ts'
import type { Call } from '../../../kit/operation.ts'
import type { Transaction } from '../../../kit/store.ts'
import { signerFor, type Authority } from '../authority.ts'
import { isRenewable } from '../renewal.ts'
import type { CmpConfig } from './config.ts'
import { CmpRefusal } from './refusal.ts'

export type Sender =
  | { readonly by: 'secret'; readonly reference: string; readonly secret: string }
  | { readonly by: 'certificate'; readonly certificate: Certificate }

/** Throws `CmpRefusal` where the protection is missing, wrong, or by somebody who is not known. */
export async function verifyProtection(call: { readonly store: Transaction; readonly now: number }, config: CmpConfig, message: CmpMessage): Promise<Sender> {
  const { protectionAlgorithm: algorithm, protection } = message
  if (algorithm === null || protection === null) throw new CmpRefusal('badMessageCheck', 'the message is not protected')
  const mac = parsePasswordMac(algorithm)
  if (mac === null) return await bySignature(call, message, algorithm, protection)
  const reference = message.senderKeyId?.toString('utf8') ?? ''
  const secret = Object.hasOwn(config.secrets, reference) ? config.secrets[reference] : undefined
  const expected = secret === undefined ? null : computeMac(mac, secret, message.protectedPart)
  if (secret === undefined || expected === null || expected.length !== protection.length || !timingSafeEqual(expected, protection)) throw new CmpRefusal('badMessageCheck', 'the MAC is not valid')
  return { by: 'secret', reference, secret }
}

async function bySignature(call: { readonly store: Transaction; readonly now: number }, message: CmpMessage, algorithm: Buffer, protection: Buffer): Promise<Sender> {
  const known = algorithmOf(algorithm)
  if (known === null) throw new CmpRefusal('badAlg', 'the algorithm of the protection is not supported')
  const [first] = message.certificates
  if (first === undefined) throw new CmpRefusal('signerNotTrusted', 'the certificate of the sender is not in the message')
  const certificate = parseCertificate(first)
  const key = findPublicKey(certificate.spki)
  if (key === null || !isSignedBy(known, key, message.protectedPart, protection)) throw new CmpRefusal('badMessageCheck', 'the signature is not valid')
  if (!(await isRenewable(call, certificate.der))) throw new CmpRefusal('signerNotTrusted', 'the certificate of the sender is not a valid one of this mount')
  return { by: 'certificate', certificate }
}

/** Answers are protected as the request was; where nobody was known, by the issuer. */
export function protectorFor(call: Pick<Call<unknown, unknown>, 'managedKeys' | 'random'>, sender: Sender | null, { issuer, key }: Authority): Protector {
  if (sender?.by === 'secret') {
    const mac = newPasswordMac(Buffer.from(call.random(16)))
    return { algorithm: writePasswordMac(mac), keyId: Buffer.from(sender.reference), protect: (part) => computeMac(mac, sender.secret, part) }
  }
  const signer = signerFor(call, key)
  return { algorithm: signer.algorithm.der, keyId: issuer.keyId, protect: (part) => signBytes(signer.algorithm, signer.key, part) }
}
