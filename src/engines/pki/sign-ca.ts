/** Signing CAs: intermediates from their requests, and certificates that signed themselves. */
import { DerError, DerReader } from '../../crypto/der-reader.ts'
import { pemDecode } from '../../crypto/pem.ts'
import { isCa, parseCertificate, pathLengthOf, writeCertificate, type Certificate } from '../../crypto/x509/certificate.ts'
import { authorityKeyId, extension, extensionIds, parseExtensions } from '../../crypto/x509/extensions.ts'
import { keyIdOf } from '../../crypto/x509/keys.ts'
import { isEmptyName } from '../../crypto/x509/name.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, list, optional, text, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { reply, type Result } from '../../kit/result.ts'
import { certificateData, certificatePem, checkFormat, inFormat } from './answer.ts'
import { subjectOf, urlExtensions } from './assemble.ts'
import { chainOf, resolveAuthority, signerFor, type Authority } from './authority.ts'
import { caExtensions, caRole, checkNames, constraintsOf, hasNoUrls, warnings } from './ca.ts'
import { collect } from './collect.ts'
import { checkKind, readRequest, type CheckedRequest } from './csr.ts'
import { issuerRef } from './issue.ts'
import { keep, sign } from './make.ts'
import { csrField, purposeFields } from './request-fields.ts'
import { caCommonFields } from './roots.ts'
import { checkWanted } from './rules.ts'
import { urlsFor } from './urls.ts'
import { validityOf } from './validity.ts'

const intermediateInput = {
  ...caCommonFields, ...csrField,
  use_csr_values: defaulted(flag('Take subject, names and extensions of the request.'), false),
  skid: defaulted(text('Key identifier, hexadecimal; otherwise that of the key.'), ''),
  key_usage: defaulted(list('What the key is for, beyond signing certificates and lists.'), []),
  ext_key_usage: purposeFields.ext_key_usage,
  ext_key_usage_oids: purposeFields.ext_key_usage_oids,
  enforce_leaf_not_after_behavior: defaulted(flag('Apply the issuer’s leaf_not_after_behavior to this certificate too.'), false),
}
type IntermediateInput = ValuesOf<typeof intermediateInput>
type SignCall = Pick<Call<unknown, unknown>, 'managedKeys' | 'store' | 'mount' | 'now' | 'random' | 'warn'>

async function signIntermediate(call: SignCall, ref: string, input: IntermediateInput): Promise<Result> {
  const format = checkFormat(input.format)
  const authority = await resolveAuthority(call.store, ref, 'issuing-certificates')
  const csr = await readRequest(input.csr)
  const role = { ...caRole(input), use_csr_common_name: input.common_name === '', use_csr_sans: true }
  checkKind(csr.kind, role)
  const wanted = collect(role, input, csr)
  checkWanted(wanted, role, { displayName: '', fill: () => null })
  const { certificate, record } = authority.issuer
  const validity = validityOf(role, input, {
    now: call.now, mountDefaultSeconds: call.mount.defaultLeaseSeconds, mountMaxSeconds: call.mount.maxLeaseSeconds,
    issuer: { notAfter: certificate.notAfter, behavior: input.enforce_leaf_not_after_behavior ? record.leafNotAfter : 'permit' },
    warn: call.warn,
  })
  const urls = await urlsFor(call.store, authority.issuer)
  const pathLength = pathLengthBelow(certificate, input.max_path_length)
  const subject = input.use_csr_values ? csr.subjectDer : subjectOf(role, wanted)
  const own = caExtensions({
    type: csr.kind.type, ids: { subject: skidOf(input.skid) ?? keyIdOf(csr.spki), authority: authority.issuer.keyId }, names: checkNames(wanted.names),
    isSubjectEmpty: isEmptyName(subject), urls, pathLength, constraints: constraintsOf(input), keyUsage: input.key_usage, extKeyUsage: input,
  })
  const extensions = input.use_csr_values ? withRequested(own, csr) : own
  const made = await sign({ ...validity, issuer: certificate.subject, subject, spki: csr.spki, extensions }, signerFor(call, authority.key, input.signature_bits, input.use_pss), call)
  keep(call.store, made)
  if (made.notAfter > certificate.notAfter) call.warn(warnings.outlivesIssuer)
  if (isEmptyName(subject)) call.warn(warnings.noSubject)
  if (hasNoUrls(urls)) call.warn(warnings.noAia)
  if (pathLength === 0) call.warn(warnings.pathLengthZero('signed'))
  const pem = certificatePem(made.der)
  const chain = (await chainOf(call.store, authority.issuer)).map((above) => above.pem)
  return reply({
    data: {
      ...certificateData({ der: made.der, chain, issuingCa: authority.issuer.pem, key: null }, format, ''),
      ca_chain: [pem, ...chain].map((one) => inFormat(one, format)),
      expiration: made.notAfter / 1000,
      serial_number: made.serial,
    },
  })
}

/** What a request may not say of itself. */
const decidedHere: ReadonlySet<string> = new Set([
  extensionIds.basicConstraints, extensionIds.keyUsage, extensionIds.nameConstraints, extensionIds.subjectKeyId, extensionIds.authorityKeyId, extensionIds.alternativeNames,
])

function withRequested(own: readonly Buffer[], csr: CheckedRequest): Buffer[] {
  const mine = parseExtensions(new DerReader(Buffer.concat(own)))
  const taken = [...csr.extensions.values()].filter(({ id }) => !decidedHere.has(id) && !mine.has(id))
  return [...own, ...taken.map(({ id, value, isCritical }) => extension(id, value, isCritical))]
}

/** One less than the issuer's, unless less was asked for; null: no limit. Throws `bad_request` where the issuer may have no CA below it. */
function pathLengthBelow(issuer: Certificate, wished: number): number | null {
  const limit = pathLengthOf(issuer)
  if (limit === 0) throw badRequest('signing certificate has a max path length of zero, and cannot issue further CA certificates')
  const most = limit === null ? null : limit - 1
  if (wished < 0) return most
  return most === null ? wished : Math.min(wished, most)
}

function skidOf(written: string): Buffer | null {
  const hex = written.replaceAll(/[: -]/g, '')
  if (hex === '') return null
  if (!/^(?:[0-9a-f]{2}){1,64}$/i.test(hex)) throw badRequest('cannot parse requested SKID value as hex')
  return Buffer.from(hex, 'hex')
}

async function signSelfIssued(call: SignCall, ref: string, input: { readonly certificate: string; readonly require_matching_certificate_algorithms: boolean }): Promise<Result> {
  const { store } = call
  const certificate = readSelfIssued(input.certificate)
  const authority = await resolveAuthority(store, ref, 'issuing-certificates')
  checkAlgorithms(certificate, authority, input.require_matching_certificate_algorithms)
  const renewed = urlExtensions(await urlsFor(store, authority.issuer))
  const replaced: ReadonlySet<string> = new Set([extensionIds.authorityKeyId, extensionIds.authorityInfoAccess, extensionIds.crlDistributionPoints, extensionIds.freshestCrl])
  const kept = [...certificate.extensions.values()].filter(({ id }) => !replaced.has(id)).map(({ id, value, isCritical }) => extension(id, value, isCritical))
  const { serial, subject, notBefore, notAfter, spki } = certificate
  const parts = { serial, issuer: authority.issuer.certificate.subject, subject, notBefore, notAfter, spki, extensions: [...kept, authorityKeyId(authority.issuer.keyId), ...renewed] }
  const der = await writeCertificate(parts, signerFor(call, authority.key))
  return { certificate: certificatePem(der), issuing_ca: authority.issuer.pem }
}

function readSelfIssued(pem: string): Certificate {
  const blocks = pemDecode(pem)
  const [block] = blocks
  if (block === undefined) throw badRequest('certificate could not be PEM-decoded')
  if (blocks.length !== 1) throw badRequest(`${blocks.length} certificates found in PEM file, expected 1`)
  const certificate = parse(block.der)
  if (!isCa(certificate)) throw badRequest('given certificate is not a CA certificate')
  if (!certificate.issuer.equals(certificate.subject)) throw badRequest('given certificate is not self-issued')
  return certificate
}

function parse(der: Buffer): Certificate {
  try {
    return parseCertificate(der)
  } catch (cause) {
    if (cause instanceof DerError) throw badRequest(`error parsing certificate: ${cause.message}`, { cause })
    throw cause
  }
}

function checkAlgorithms(certificate: Certificate, { issuer }: Authority, isRequired: boolean): void {
  // The algorithm of a key stands in front of its bits.
  const algorithm = ({ spki }: Certificate): string => spki.subarray(2, 24).toString('hex').slice(0, 30)
  if (isRequired && algorithm(certificate) !== algorithm(issuer.certificate)) throw badRequest("the signing certificate's public key algorithm does not match the submitted certificate's, and require_matching_certificate_algorithms is true")
}

const selfIssuedInput = {
  certificate: defaulted(text('The self-issued certificate, in PEM.'), ''),
  require_matching_certificate_algorithms: defaulted(flag('Refuse keys of another algorithm than the issuer’s.'), false),
}
const byIssuer = { issuer_ref: issuerRef }

const signIntermediateByDefault = path('root/sign-intermediate').write({
  summary: 'Sign an intermediate CA.',
  input: { ...intermediateInput, issuer_ref: optional(text('Name or id of the issuer.')) },
  handle: (call) => signIntermediate(call, call.input.issuer_ref ?? 'default', call.input),
})

const signIntermediateByIssuer = path('issuer/{issuer_ref}/sign-intermediate', byIssuer).write({
  summary: 'Sign an intermediate CA, by this issuer.',
  input: intermediateInput,
  handle: (call) => signIntermediate(call, call.params.issuer_ref, call.input),
})

const signSelfIssuedByDefault = path('root/sign-self-issued').write({
  summary: 'Sign a CA certificate that signed itself, so that those who trust this CA trust it as well.',
  access: 'sudo',
  input: selfIssuedInput,
  handle: (call) => signSelfIssued(call, 'default', call.input),
})

const signSelfIssuedByIssuer = path('issuer/{issuer_ref}/sign-self-issued', byIssuer).write({
  summary: 'Sign a CA certificate that signed itself, by this issuer.',
  access: 'sudo',
  input: selfIssuedInput,
  handle: (call) => signSelfIssued(call, call.params.issuer_ref, call.input),
})

export const signCaOperations = [signIntermediateByDefault, signIntermediateByIssuer, signSelfIssuedByDefault, signSelfIssuedByIssuer]
