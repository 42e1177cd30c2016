/** Revoking: by serial number, by certificate, or with the certificate's own key. */
import { createPublicKey } from 'node:crypto'
import { DerError } from '../../crypto/der-reader.ts'
import { pemDecode } from '../../crypto/pem.ts'
import { fingerprint, isSelfSigned, parseCertificate, serialText, type Certificate } from '../../crypto/x509/certificate.ts'
import { findPrivateKey, spkiOf } from '../../crypto/x509/keys.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, secret, text } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { reply, type Result } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { findCertificate, storeCertificate } from './certificates.ts'
import { readRevocationConfig } from './crl-config.ts'
import { rotateLists } from './crl.ts'
import { readIndex } from './records.ts'
import { findIssuerOf } from './registry.ts'
import { appendRevoked, groupOf, groupOfIssued, keepRevoked, revoked, type RevokedRecord } from './revoked.ts'

export type RevokeCall = Pick<Call<unknown, unknown>, 'store' | 'now'>

/** `aa:bb` and `aa-bb` and `aabb` mean the same; null for what is no serial number. */
export function serialOf(written: string): string | null {
  const hex = written.replaceAll(/[:-]/g, '').toLowerCase()
  return /^(?:[0-9a-f]{2}){1,64}$/.test(hex) ? hex.replaceAll(/(..)(?=.)/g, '$1:') : null
}

async function bySerial(call: RevokeCall, written: string): Promise<Certificate> {
  const serial = serialOf(written)
  const der = serial === null ? null : await findCertificate(call.store, serial)
  if (der === null) throw badRequest(`certificate with serial ${written} not found.`)
  return parseCertificate(der)
}

const shortestPem = 75

function fromPem(pem: string): Certificate {
  if (pem.trim().length < shortestPem) throw badRequest('provided certificate data was too short; perhaps a path was passed to the API rather than the contents of a PEM file')
  const [block] = pemDecode(pem)
  if (block === undefined) throw badRequest('certificate contains no PEM data')
  try {
    return parseCertificate(block.der)
  } catch (cause) {
    if (cause instanceof DerError) throw badRequest(`certificate could not be parsed: ${cause.message}`, { cause })
    throw cause
  }
}

/** A certificate that is not kept here must have been made by an issuer that is. */
async function byCertificate(call: RevokeCall, pem: string): Promise<Certificate> {
  const certificate = fromPem(pem)
  const serial = serialText(certificate.serial)
  const kept = await findCertificate(call.store, serial)
  if (kept?.equals(certificate.der) === true) return certificate
  if ((await findIssuerOf(call.store, certificate)) === null) {
    throw badRequest('unable to verify signature on presented cert from any present issuer in this mount; certificates from previous CAs will need to have their issuing CA and key re-imported if revocation is necessary')
  }
  if (kept === null) storeCertificate(call.store, serial, certificate.der, certificate.notAfter)
  return certificate
}

interface Named {
  readonly serial_number: string
  readonly certificate: string
}

async function resolveCertificate(call: RevokeCall, { serial_number: serial, certificate }: Named): Promise<Certificate> {
  if (serial === '' && certificate === '') throw badRequest('The serial number or certificate to revoke must be provided.')
  if (serial !== '' && certificate !== '') throw badRequest('Must provide either the certificate or the serial to revoke; not both.')
  return serial === '' ? byCertificate(call, certificate) : bySerial(call, serial)
}

/** Revokes, or finds that it was. Throws `bad_request` for a root's own certificate. */
export async function revokeCertificate(call: RevokeCall, certificate: Certificate): Promise<RevokedRecord> {
  const serial = serialText(certificate.serial)
  const known = await revoked.read(call.store, serial)
  if (known !== null) return known
  const index = await readIndex(call.store)
  const own = index.issuers.find((issuer) => issuer.fingerprint === fingerprint(certificate.der))
  if (own !== undefined && isSelfSigned(certificate)) throw badRequest(`adding issuer (id: ${own.id}) to its own CRL is not allowed`)
  const issuer = await findIssuerOf(call.store, certificate)
  const record: RevokedRecord = {
    issuerId: issuer?.record.id ?? '', group: issuer === null ? groupOfIssued(certificate) : groupOf(issuer), revokedAt: Math.floor(call.now / 1000) * 1000, notAfter: certificate.notAfter,
  }
  keepRevoked(call.store, serial, record)
  await appendRevoked(call.store, record.group, certificate.serial, record)
  return record
}

const shownRevocation = ({ revokedAt }: RevokedRecord): Result =>
  ({ revocation_time: revokedAt / 1000, revocation_time_rfc3339: formatTime(revokedAt), state: 'revoked' })

async function revoke(call: RevokeCall, certificate: Certificate): Promise<Result> {
  const isOver = certificate.notAfter < call.now && !(await readRevocationConfig(call.store)).allow_expired_cert_revocation
  if (isOver) return reply({ status: 200, warnings: ['certificate has already expired; refusing to add to CRL'] })
  return shownRevocation(await revokeCertificate(call, certificate))
}

const namedFields = {
  serial_number: defaulted(text('Serial number of the certificate, its bytes separated by colons or hyphens.'), ''),
  certificate: defaulted(text('The certificate, in PEM.'), ''),
}

const revokeOp = path('revoke').write({
  summary: 'Revoke a certificate.',
  input: namedFields,
  handle: async (call) => revoke(call, await resolveCertificate(call, call.input)),
})

const revokeWithKey = path('revoke-with-key').write({
  summary: 'Revoke a certificate, as whoever has its key.',
  input: { ...namedFields, private_key: defaulted(secret(text('The private key, in PEM.')), '') },
  async handle(call) {
    if (call.input.private_key === '') throw badRequest('Must have private key to revoke via the /revoke-with-key path.')
    const certificate = await resolveCertificate(call, call.input)
    const [block] = pemDecode(call.input.private_key)
    const key = block === undefined ? null : findPrivateKey(block.der)
    if (key === null) throw badRequest('the private key could not be parsed')
    if (!spkiOf(key).equals(normalSpki(certificate.spki))) throw badRequest("provided private key does not match certificate's public key")
    return revoke(call, certificate)
  },
})

/** As OpenSSL writes it, so that both can be compared. */
const normalSpki = (spki: Buffer): Buffer => createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ type: 'spki', format: 'der' })

const rotateCrl = path('crl/rotate').read({
  summary: 'Build the revocation lists anew.',
  async handle(call) {
    await rotateLists(call, 'complete')
    return { success: true }
  },
})

const rotateDelta = path('crl/rotate-delta').read({
  summary: 'Build the delta lists anew.',
  async handle(call) {
    const { enable_delta: isEnabled } = await readRevocationConfig(call.store)
    if (!isEnabled) return reply({ data: { success: true }, warnings: ['requested rebuild of delta CRL when delta CRL is not enabled; this is a no-op'] })
    await rotateLists(call, 'delta')
    return { success: true }
  },
})

export const revokeOperations = [revokeOp, revokeWithKey, rotateCrl, rotateDelta]
