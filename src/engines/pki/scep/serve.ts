/**
 * Simple Certificate Enrolment Protocol (RFC 8894): capabilities, certificates of the authority, enrolment with a challenge, renewal with the certificate
 * that ends. Messages prove themselves, so all of it is public; whatever is wrong with what is inside an envelope gets one and the same answer.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { DerError } from '../../../crypto/der-reader.ts'
import { writeCertificatesOnly } from '../../../crypto/cms/certificates-only.ts'
import { openEnvelope, parseEnvelopedData, writeEnvelopedData, type ContentCipher, type EnvelopedData } from '../../../crypto/cms/enveloped-data.ts'
import { decodeBase64 } from '../../../crypto/pem.ts'
import { ApiError, badRequest } from '../../../kit/errors.ts'
import { defaulted, text } from '../../../kit/fields.ts'
import { path, type Call, type Operation } from '../../../kit/operation.ts'
import { reply, type Reply } from '../../../kit/result.ts'
import { chainOf, resolveAuthority, resolveIssuer, type Authority } from '../authority.ts'
import { checkRequest, type CheckedRequest } from '../csr.ts'
import { renewalRefusal } from '../renewal.ts'
import type { LeafCall } from '../leaf.ts'
import { enrol, resolvePathPolicy, type PathPolicy } from '../path-policy.ts'
import { keyObjectOf } from '../records.ts'
import { roleName } from '../roles.ts'
import { readScepConfig, type ScepConfig } from './config.ts'
import { messageTypes, parsePkiMessage, writeCertRep, type Failure, type PkiMessage, type Responder } from './message.ts'

type ScepCall = LeafCall & Pick<Call<unknown, unknown>, 'rawBody'>

interface Served {
  readonly config: ScepConfig
  readonly policy: PathPolicy
}

/** Throws `not_found` where SCEP is not served. */
async function resolvePlace({ store }: ScepCall, role: string | null): Promise<Served> {
  const config = await readScepConfig(store)
  if (!config.enabled) throw new ApiError('not_found', 'SCEP is not enabled on this mount')
  return { config, policy: await resolvePathPolicy(store, role, config.default_path_policy) }
}

/** Why a message gets a refusal in place of a certificate. */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly failure: Failure
  constructor(failure: Failure) {
    super(failure)
    this.failure = failure
  }
}

function capabilities({ allowed_encryption_algorithms: ciphers, allowed_digest_algorithms: digests }: ScepConfig): string {
  const words = ['POSTPKIOperation', 'Renewal', 'SCEPStandard', ...(ciphers.includes('3des-cbc') ? ['DES3'] : []), ...(ciphers.some((name) => name.startsWith('aes')) ? ['AES'] : []),
    ...digests.filter((name) => name !== 'sha-384').map((name) => name.toUpperCase())]
  return `${words.join('\n')}\n`
}

async function authorityCertificates({ store }: ScepCall, { config, policy }: Served): Promise<Reply> {
  const chain = await chainOf(store, await resolveIssuer(store, policy.role.issuer_ref))
  const ders = chain.slice(0, config.restrict_ca_chain_to_issuer ? 1 : chain.length).map(({ certificate }) => certificate.der)
  const [only] = ders
  if (only !== undefined && ders.length === 1) return reply({ raw: { contentType: 'application/x-x509-ca-cert', body: only } })
  return reply({ raw: { contentType: 'application/x-x509-ca-ra-cert', body: writeCertificatesOnly(ders) } })
}

/** Throws `bad_request` for what is no message at all; everything else is answered by a message. */
async function operate(call: ScepCall, served: Served, body: Uint8Array | null): Promise<Reply> {
  const message = parseMessage(body)
  const authority = await resolveAuthority(call.store, served.policy.role.issuer_ref, 'issuing-certificates')
  if (authority.key.type !== 'rsa') throw badRequest('SCEP needs an issuer with an RSA key')
  const responder: Responder = { issuer: authority.issuer.certificate, key: keyObjectOf(authority.key) }
  const result = await resultOf(call, served, message, authority)
  return reply({ raw: { contentType: 'application/x-pki-message', body: await writeCertRep(message, responder, call.random(16), result) } })
}

function parseMessage(body: Uint8Array | null): PkiMessage {
  if (body === null || body.length === 0) throw badRequest('the body must be a message of the type application/x-pki-message')
  try {
    return parsePkiMessage(body)
  } catch (cause) {
    if (cause instanceof DerError) throw badRequest(`the message could not be read: ${cause.message}`, { cause })
    throw cause
  }
}

async function resultOf(call: ScepCall, served: Served, message: PkiMessage, authority: Authority): Promise<{ readonly envelope: Buffer } | { readonly failure: Failure }> {
  try {
    return { envelope: await certify(call, served, message, authority) }
  } catch (error) {
    if (error instanceof Refusal) return { failure: error.failure }
    // What the role or the issuer does not allow.
    if (error instanceof ApiError && error.code === 'bad_request') return { failure: 'badRequest' }
    throw error
  }
}

async function certify(call: ScepCall, { config, policy }: Served, message: PkiMessage, authority: Authority): Promise<Buffer> {
  if (message.type === messageTypes.certPoll) throw new Refusal('badCertId')
  if (message.type !== messageTypes.pkcsReq && message.type !== messageTypes.renewalReq) throw new Refusal('badRequest')
  if (!config.allowed_digest_algorithms.includes(message.signed.digest.replace('sha', 'sha-'))) throw new Refusal('badAlg')
  const { csr, cipher } = await openRequest(call, config, message, authority)
  if (message.type === messageTypes.pkcsReq) checkChallenge(config, message, csr)
  else if ((await renewalRefusal(call, message.signer.der, csr)) !== null) throw new Refusal('badMessageCheck')
  // The answer is encrypted for the key that signed: RSA only.
  if (message.signerKey.asymmetricKeyType !== 'rsa') throw new Refusal('badAlg')
  const issued = await enrol(call, policy, csr)
  const recipient = { issuer: message.signer.issuer, serial: message.signer.serial, key: message.signerKey }
  return writeEnvelopedData(writeCertificatesOnly([issued.der]), recipient, cipher, call.random)
}

/** Nothing tells which step failed: that would be an oracle for what others have sent (RFC 3218). */
async function openRequest(call: ScepCall, config: ScepConfig, { signed }: PkiMessage, { issuer, key }: Authority): Promise<{ readonly csr: CheckedRequest; readonly cipher: ContentCipher }> {
  const envelope = findEnvelope(signed.content)
  if (envelope === null) throw new Refusal('badMessageCheck')
  if (!config.allowed_encryption_algorithms.includes(envelope.cipher.name)) throw new Refusal('badAlg')
  const { certificate } = issuer
  const mine = envelope.recipients.find((one) => one.issuer.equals(certificate.issuer) && one.serial.equals(certificate.serial))
  const opened = mine === undefined ? null : openEnvelope(envelope, mine.encryptedKey, keyObjectOf(key), call.random)
  try {
    if (opened !== null) return { csr: await checkRequest(opened), cipher: envelope.cipher }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
  }
  throw new Refusal('badMessageCheck')
}

function findEnvelope(content: Buffer | null): EnvelopedData | null {
  try {
    return content === null ? null : parseEnvelopedData(content)
  } catch (error) {
    if (error instanceof DerError) return null
    throw error
  }
}

/** The challenge, and that who signs the message has the key that the certificate is for. */
function checkChallenge({ challenge }: ScepConfig, { signer }: PkiMessage, csr: CheckedRequest): void {
  const digest = (written: string): Buffer => createHash('sha256').update(written).digest()
  if (challenge === '' || csr.challengePassword === null || !timingSafeEqual(digest(csr.challengePassword), digest(challenge))) throw new Refusal('badRequest')
  if (!signer.spki.equals(csr.spki)) throw new Refusal('badMessageCheck')
}

const input = { operation: defaulted(text('GetCACaps, GetCACert or PKIOperation.'), ''), message: defaulted(text('With PKIOperation: the message in base64.'), '') }

async function answer(call: ScepCall, role: string | null, { operation, message }: { readonly operation: string; readonly message: string }): Promise<Reply> {
  const served = await resolvePlace(call, role)
  if (operation === 'GetCACaps') return reply({ raw: { contentType: 'text/plain', body: capabilities(served.config) } })
  if (operation === 'GetCACert') return await authorityCertificates(call, served)
  // A '+' that was not encoded has become a blank.
  if (operation === 'PKIOperation') return await operate(call, served, decodeBase64(message.replaceAll(' ', '+')))
  throw badRequest('operation must be GetCACaps, GetCACert or PKIOperation')
}

type Template = 'scep' | 'scep/pkiclient.exe' | 'roles/{role}/scep' | 'roles/{role}/scep/pkiclient.exe'

function operationsAt(template: Template): Operation[] {
  const at = path(template as 'scep', ...([template.startsWith('roles/') ? { role: roleName } : {}] as unknown as []))
  const roleOf = ({ params }: { readonly params: unknown }): string | null => (params as { readonly role?: string }).role ?? null
  return [
    at.read({ summary: 'SCEP: capabilities, certificates of the authority, or a message (RFC 8894 §4).', access: 'public', input, handle: (call) => answer(call, roleOf(call), call.input) }),
    at.write({ summary: 'SCEP: a message (RFC 8894 §4.3).', access: 'public', handle: async (call) => operate(call, await resolvePlace(call, roleOf(call)), call.rawBody) }),
  ]
}

export const scepOperations: readonly Operation[] = (['scep', 'scep/pkiclient.exe', 'roles/{role}/scep', 'roles/{role}/scep/pkiclient.exe'] as const).flatMap(operationsAt)
