/** The OCSP responder: asked by anybody, answers for every issuer of the mount that may sign such answers. */
import { DerError } from '../../crypto/der-reader.ts'
import { decodeBase64 } from '../../crypto/pem.ts'
import { serialText } from '../../crypto/x509/certificate.ts'
import { isIssuerOf, ocspRefusals, parseOcspRequest, writeOcspResponse, type CertificateId, type OcspRequest, type OcspStatus } from '../../crypto/x509/ocsp.ts'
import { keyIdOf } from '../../crypto/x509/keys.ts'
import { text } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { reply, type Reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { readIssuer, readKey, revocationSigner, type Authority } from './authority.ts'
import { durationMs, readRevocationConfig } from './crl-config.ts'
import { readIndex } from './records.ts'
import { groupOf, revoked } from './revoked.ts'

const requestMax = 2048

const answer = (status: number, body: Uint8Array): Reply => reply({ status, raw: { contentType: 'application/ocsp-response', body } })

function parse(der: Uint8Array | null): OcspRequest | null {
  if (der === null || der.length > requestMax) return null
  try {
    return parseOcspRequest(der)
  } catch (error) {
    if (error instanceof DerError) return null
    throw error
  }
}

/** The issuer that a request is about, with its key, or null: it must be here and allowed to answer. */
async function findResponder(store: Pick<Transaction, 'get'>, id: CertificateId): Promise<Authority | null> {
  const index = await readIndex(store)
  for (const entry of index.issuers) {
    if (entry.keyId === '') continue
    const issuer = await readIssuer(store, entry.id)
    if (!issuer.record.usage.includes('ocsp-signing')) continue
    if (isIssuerOf(id, issuer.certificate.subject, issuer.certificate.spki)) return { issuer, entry, key: await readKey(store, entry.keyId) }
  }
  return null
}

async function statusOf(store: Pick<Transaction, 'get'>, id: CertificateId, { issuer }: Authority): Promise<OcspStatus> {
  const { subject, spki } = issuer.certificate
  if (!isIssuerOf(id, subject, spki)) return 'unknown'
  const record = await revoked.read(store, serialText(id.serial))
  return record !== null && record.group === groupOf(issuer) ? { revokedAt: record.revokedAt } : 'good'
}

async function respond(call: Pick<Call<unknown, unknown>, 'store' | 'now' | 'managedKeys'>, der: Uint8Array | null): Promise<Reply> {
  const { store, now } = call
  const config = await readRevocationConfig(store)
  if (config.ocsp_disable) return answer(401, ocspRefusals.unauthorized)
  const request = parse(der)
  const [first] = request?.ids ?? []
  if (request === null || first === undefined) return answer(400, ocspRefusals.malformedRequest)
  const responder = await findResponder(store, first)
  if (responder === null) return answer(401, ocspRefusals.unauthorized)
  const statuses = await Promise.all(request.ids.map(async (id) => ({ id, status: await statusOf(store, id, responder) })))
  const expiry = durationMs(config.ocsp_expiry)
  const answers = {
    statuses, nonce: request.nonce, responderKeyHash: keyIdOf(responder.issuer.certificate.spki), now, nextUpdate: expiry === 0 ? null : now + expiry,
  }
  return answer(200, await writeOcspResponse(answers, revocationSigner(call, responder)))
}

const posted = (template: 'ocsp' | 'unified-ocsp') =>
  path(template).write({ summary: 'Ask whether certificates are revoked (RFC 6960).', access: 'public', handle: (call) => respond(call, call.rawBody) })

const asked = (template: 'ocsp/{request*}' | 'unified-ocsp/{request*}') =>
  path(template, { request: text('The request in base64.') }).read({
    summary: 'Ask whether certificates are revoked, by GET.',
    access: 'public',
    handle: (call) => respond(call, decodeBase64(call.params.request)),
  })

export const ocspOperations = [posted('ocsp'), posted('unified-ocsp'), asked('ocsp/{request*}'), asked('unified-ocsp/{request*}')]
