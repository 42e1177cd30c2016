/**
 * Enrolment over Secure Transport (RFC 7030): CA certificates, enrolment, renewal, and what a request should say. TLS is the listener's; who asks is
 * proven by a token, by HTTP Basic or a client certificate at an auth method, or, for a renewal, by the certificate that is to be renewed.
 */
import { decodeBase64 } from '../../../crypto/pem.ts'
import { writeCertificatesOnly } from '../../../crypto/cms/certificates-only.ts'
import { ApiError, badRequest } from '../../../kit/errors.ts'
import { text } from '../../../kit/fields.ts'
import { path, type Admission, type BasicCredentials, type Call, type Operation } from '../../../kit/operation.ts'
import { reply, type Reply } from '../../../kit/result.ts'
import { certificatePem } from '../answer.ts'
import { admissionBy } from '../authenticators.ts'
import { chainOf, resolveIssuer } from '../authority.ts'
import { checkRequest, type CheckedRequest } from '../csr.ts'
import type { LeafCall } from '../leaf.ts'
import { enrol, resolvePathPolicy, type PathPolicy } from '../path-policy.ts'
import { roleName } from '../roles.ts'
import { writeAttributes } from './attributes.ts'
import { readEstConfig, type EstConfig } from './config.ts'
import { isRenewable, renewalRefusal } from '../renewal.ts'
import { valuesOf, attributeTypes } from '../../../crypto/x509/name.ts'

type EstCall = LeafCall & Pick<Call<unknown, unknown>, 'rawBody' | 'clientCertificate'>

/** Where a request came in: at most one of the two is set. */
interface Place {
  readonly role: string | null
  readonly label: string | null
}

interface Served {
  readonly config: EstConfig
  readonly policy: PathPolicy
}

/** Throws `not_found` where EST is not served. */
async function resolvePlace({ store }: Pick<EstCall, 'store'>, { role, label }: Place): Promise<Served> {
  const config = await readEstConfig(store)
  if (!config.enabled) throw new ApiError('not_found', 'EST is not enabled on this mount')
  const policies = config.label_to_path_policy
  const ofLabel = label !== null && Object.hasOwn(policies, label) ? policies[label] : null
  if (label !== null && (ofLabel === null || ofLabel === undefined)) throw new ApiError('not_found', 'the label of the path is not configured')
  return { config, policy: await resolvePathPolicy(store, role, ofLabel ?? config.default_path_policy) }
}

const inLines = (der: Uint8Array): string => Buffer.from(der).toString('base64').replaceAll(/(.{1,76})/g, '$1\r\n')
const sent = (contentType: string, der: Uint8Array, auditData: Readonly<Record<string, unknown>> | null = null): Reply =>
  reply({ raw: { contentType, body: inLines(der), headers: [['Content-Transfer-Encoding', 'base64']] }, ...(auditData === null ? {} : { auditData }) })

const certificatesOnly = 'application/pkcs7-mime; smime-type=certs-only'

async function cacerts(call: EstCall, place: Place): Promise<Reply> {
  const { policy } = await resolvePlace(call, place)
  const chain = await chainOf(call.store, await resolveIssuer(call.store, policy.role.issuer_ref))
  return sent(certificatesOnly, writeCertificatesOnly(chain.map(({ certificate }) => certificate.der)))
}

async function csrattrs(call: EstCall, place: Place): Promise<Reply> {
  const attributes = writeAttributes((await resolvePlace(call, place)).policy.role)
  return attributes === null ? reply({ status: 204, raw: { contentType: '', body: '' } }) : sent('application/csrattrs', attributes)
}

/** The body is base64 (RFC 7030 §4.2, RFC 8951 §2.1); DER itself and PEM are understood as well. Throws `bad_request`. */
async function requestOf(body: Uint8Array | null): Promise<CheckedRequest> {
  if (body === null || body.length === 0) throw badRequest('the body must be a signing request of the type application/pkcs10')
  if (body[0] === 0x30) return await checkRequest(body)
  const der = decodeBase64(Buffer.from(body).toString('latin1').replaceAll(/-----(?:BEGIN|END) (?:NEW )?CERTIFICATE REQUEST-----/g, ''))
  if (der === null) throw badRequest('the body is no signing request in base64')
  return await checkRequest(der)
}

async function enroll(call: EstCall, place: Place, isRenewal: boolean): Promise<Reply> {
  const { config, policy } = await resolvePlace(call, place)
  const csr = await requestOf(call.rawBody)
  if (isRenewal && call.caller === null) {
    const refusal = await renewalRefusal(call, call.clientCertificate(), csr)
    if (refusal !== null) throw badRequest(refusal)
  }
  const issued = await enrol(call, policy, csr)
  return sent(certificatesOnly, writeCertificatesOnly([issued.der]), audited(config, csr, issued.serial, issued.der))
}

function audited({ audit_fields: wanted }: EstConfig, csr: CheckedRequest, serial: string, der: Buffer): Readonly<Record<string, unknown>> {
  const all: Readonly<Record<string, unknown>> = {
    csr: csr.der.toString('base64'), common_name: valuesOf(csr.subject, attributeTypes.commonName).at(-1) ?? '', alt_names: [...csr.names.dns, ...csr.names.email].join(','),
    ip_sans: csr.names.ip, uri_sans: csr.names.uri, serial_number: valuesOf(csr.subject, attributeTypes.serialNumber).at(-1) ?? '',
  }
  return { request: Object.fromEntries(wanted.map((name) => [name, all[name]])), serial_number: serial, certificate: certificatePem(der) }
}

/** Of requests without a token. The renewal of a certificate is asked for by the certificate itself, where that is allowed. */
async function admit(call: EstCall, basic: BasicCredentials | null, isRenewal: boolean): Promise<Admission | null> {
  const config = await readEstConfig(call.store)
  if (!config.enabled) return null
  const shown = call.clientCertificate()
  if (isRenewal && config.reenroll_with_certificate && basic === null && shown !== null && (await isRenewable(call, shown))) return { by: 'itself' }
  return admissionBy(config.authenticators, basic, shown !== null)
}

type Prefix = 'est/' | 'roles/{role}/est/' | 'est/{label}/'

/** The four operations below one prefix. */
function operationsAt(prefix: Prefix): Operation[] {
  const params = prefix === 'est/' ? {} : prefix === 'est/{label}/' ? { label: { ...text('Label, as configured.'), pattern: roleName.pattern } } : { role: roleName }
  const placeOf = ({ params: given }: { readonly params: unknown }): Place => ({ role: null, label: null, ...(given as Partial<Place>) })
  const at = <T extends 'cacerts' | 'csrattrs' | 'simpleenroll' | 'simplereenroll'>(name: T) => path(`${prefix}${name}` as 'est/cacerts', ...([params] as unknown as []))
  const enrolment = (name: 'simpleenroll' | 'simplereenroll', summary: string): Operation =>
    at(name).write({ summary, admit: (call, basic) => admit(call, basic, name === 'simplereenroll'), handle: (call) => enroll(call, placeOf(call), name === 'simplereenroll') })
  return [
    at('cacerts').read({ summary: 'EST: fetch the certificates of the authority (RFC 7030 §4.1).', access: 'public', handle: (call) => cacerts(call, placeOf(call)) }),
    at('csrattrs').read({ summary: 'EST: what a request should say (RFC 7030 §4.5).', access: 'public', handle: (call) => csrattrs(call, placeOf(call)) }),
    enrolment('simpleenroll', 'EST: have a request signed (RFC 7030 §4.2.1).'),
    enrolment('simplereenroll', 'EST: renew a certificate (RFC 7030 §4.2.2).'),
  ]
}

export const estOperations: readonly Operation[] = [...operationsAt('est/'), ...operationsAt('roles/{role}/est/'), ...operationsAt('est/{label}/')]
