/**
 * Certificate Management Protocol (RFC 9810 in the profile of RFC 9483): first requests by a shared secret; renewal, and revocation of its own, by a certificate. Messages
 * prove themselves, so the paths are public.
 */
import { createHash } from 'node:crypto'
import { explicit, nothing, sequence } from '../../../crypto/der.ts'
import { DerError } from '../../../crypto/der-reader.ts'
import { parseCertRequest, parseCertStatus, parseRevocation } from '../../../crypto/cmp/cert-request.ts'
import { bodies, parseCmpMessage, writeCmpMessage, type BodyName, type CmpMessage } from '../../../crypto/cmp/message.ts'
import { algorithmOf } from '../../../crypto/x509/algorithms.ts'
import { parseCertificate } from '../../../crypto/x509/certificate.ts'
import { parseRequest } from '../../../crypto/x509/request.ts'
import { ApiError, badRequest } from '../../../kit/errors.ts'
import { path, type Call, type Operation } from '../../../kit/operation.ts'
import { reply, type Reply } from '../../../kit/result.ts'
import { chainOf, resolveAuthority } from '../authority.ts'
import { findCertificate } from '../certificates.ts'
import { checkedRequest } from '../csr.ts'
import type { LeafCall } from '../leaf.ts'
import { enrol, resolvePathPolicy, type PathPolicy } from '../path-policy.ts'
import { renewalRefusal } from '../renewal.ts'
import { revokeCertificate } from '../revoke.ts'
import { roleName } from '../roles.ts'
import { readCmpConfig } from './config.ts'
import { awaitConfirmation, takePending } from './pending.ts'
import { protectorFor, verifyProtection, type Sender } from './protection.ts'
import { accepted, CmpRefusal, writeRefusal } from './refusal.ts'

type CmpCall = LeafCall & Pick<Call<unknown, unknown>, 'rawBody'>

/** What is said to a message. */
interface Said {
  readonly body: BodyName
  readonly content: Uint8Array
  readonly isConfirmed?: boolean
}

async function serveCmp(call: CmpCall, role: string | null): Promise<Reply> {
  const config = await readCmpConfig(call.store)
  if (!config.enabled) throw new ApiError('not_found', 'CMP is not enabled on this mount')
  const policy = await resolvePathPolicy(call.store, role, config.default_path_policy)
  const authority = await resolveAuthority(call.store, policy.role.issuer_ref, 'issuing-certificates')
  const message = parseMessage(call.rawBody)
  const known: { sender: Sender | null } = { sender: null }
  const said = await refusable(async () => {
    const sender = await verifyProtection(call, config, message)
    known.sender = sender
    checkHeader(call, message)
    return await handle(call, policy, message, sender)
  })
  const chain = (await chainOf(call.store, authority.issuer)).map(({ certificate }) => certificate.der)
  const answer = { to: message, sender: authority.issuer.certificate.subject, now: call.now, nonce: call.random(16), isConfirmed: false, certificates: chain, ...said }
  return reply({ raw: { contentType: 'application/pkixcmp', body: await writeCmpMessage(answer, protectorFor(call, known.sender, authority)) } })
}

function parseMessage(body: Uint8Array | null): CmpMessage {
  if (body === null || body.length === 0) throw badRequest('the body must be a message of the type application/pkixcmp')
  try {
    return parseCmpMessage(body)
  } catch (cause) {
    if (cause instanceof DerError) throw badRequest(`the message could not be read: ${cause.message}`, { cause })
    throw cause
  }
}

/** What is refused is an answer as well. */
async function refusable(work: () => Promise<Said>): Promise<Said> {
  try {
    return await work()
  } catch (error) {
    return { body: 'error', content: writeRefusal(asRefusal(error)) }
  }
}

/** Conflicts and bugs go on. */
function asRefusal(error: unknown): CmpRefusal {
  if (error instanceof CmpRefusal) return error
  if (error instanceof DerError) return new CmpRefusal('badDataFormat', error.message)
  // What the role or the issuer does not allow.
  if (error instanceof ApiError && error.code === 'bad_request') return new CmpRefusal('badCertTemplate', error.message)
  throw error
}

const clockSkewMs = 3_600_000

function checkHeader({ now }: CmpCall, { version, time }: CmpMessage): void {
  if (version !== 2 && version !== 3) throw new CmpRefusal('unsupportedVersion', 'the version of the message is not supported')
  if (time !== null && Math.abs(now - time) > clockSkewMs) throw new CmpRefusal('badTime', 'the clocks are more than an hour apart')
}

async function handle(call: CmpCall, policy: PathPolicy, message: CmpMessage, sender: Sender): Promise<Said> {
  switch (message.body) {
    case bodies.ir:
      return await certify(call, policy, message, sender, 'ip')
    case bodies.cr:
    case bodies.p10cr:
      return await certify(call, policy, message, sender, 'cp')
    case bodies.kur:
      return await certify(call, policy, message, sender, 'kup')
    case bodies.rr:
      return await revoke(call, message, sender)
    case bodies.certConf:
      return await confirm(call, message, sender)
    default:
      throw new CmpRefusal('badRequest', 'messages of this kind are not supported')
  }
}

async function certify(call: CmpCall, policy: PathPolicy, message: CmpMessage, sender: Sender, body: 'ip' | 'cp' | 'kup'): Promise<Said> {
  const isPkcs10 = message.body === bodies.p10cr
  const { id, request } = isPkcs10 ? { id: integerMinusOne, request: parseRequest(message.content) } : parseCertRequest(message.content)
  if (!(await request.isSignatureValid())) throw new CmpRefusal('badPOP', 'possession of the key is not proven')
  const csr = await checkedRequest(request)
  if (sender.by === 'certificate') {
    // A certificate speaks for its own names only.
    const refusal = await renewalRefusal(call, sender.certificate.der, csr)
    if (refusal !== null) throw new CmpRefusal('notAuthorized', refusal)
  } else if (message.body === bodies.kur) throw new CmpRefusal('notAuthorized', 'a key update is signed with the certificate that it replaces')
  const issued = await enrol(call, policy, csr)
  const isConfirmed = message.wantsImplicitConfirm
  if (!isConfirmed && !policy.role.no_store) awaitConfirmation(call.store, call.now, message.transactionId, sender, issued.serial)
  const response = sequence(id, accepted, sequence(explicit(0, issued.der)))
  return { body, content: sequence(sequence(response)), isConfirmed }
}

/** PKCS #10 has no number of its own (RFC 9483 §4.1.4). */
const integerMinusOne = Buffer.from([2, 1, 0xff])

async function confirm(call: CmpCall, message: CmpMessage, sender: Sender): Promise<Said> {
  const { hash, isAccepted } = parseCertStatus(message.content)
  const serial = await takePending(call.store, call.now, message.transactionId, sender)
  const der = serial === null ? null : await findCertificate(call.store, serial)
  if (der === null) return { body: 'pkiconf', content: nothing }
  const certificate = parseCertificate(der)
  const digest = algorithmOf(certificate.algorithm)?.digest ?? 'sha512'
  if (!createHash(digest).update(der).digest().equals(hash)) throw new CmpRefusal('badCertId', 'the hash is not that of the certificate')
  if (!isAccepted) await revokeCertificate(call, certificate)
  return { body: 'pkiconf', content: nothing }
}

/** Its own only: a secret stands for nobody in particular. */
async function revoke(call: CmpCall, message: CmpMessage, sender: Sender): Promise<Said> {
  const { serial, issuer } = parseRevocation(message.content)
  if (serial === null || issuer === null) throw new CmpRefusal('badCertId', 'the request names no certificate')
  if (sender.by !== 'certificate' || !sender.certificate.serial.equals(serial) || !sender.certificate.issuer.equals(issuer)) throw new CmpRefusal('notAuthorized', 'a certificate can only be revoked with itself')
  await revokeCertificate(call, sender.certificate)
  return { body: 'rp', content: sequence(sequence(accepted)) }
}

const operationAt = (template: 'cmp' | 'roles/{role}/cmp'): Operation =>
  path(template as 'cmp', ...([template === 'cmp' ? {} : { role: roleName }] as unknown as [])).write({
    summary: 'CMP: a message (RFC 9811).', access: 'public', handle: (call) => serveCmp(call, (call.params as { readonly role?: string }).role ?? null),
  })

export const cmpOperations: readonly Operation[] = [operationAt('cmp'), operationAt('roles/{role}/cmp')]
