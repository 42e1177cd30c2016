/** Certificates and lists as anybody may fetch them: no token needed, as clients that check a chain have none. */
import { pemEncode } from '../../crypto/pem.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { text } from '../../kit/fields.ts'
import { also, path, type Operation } from '../../kit/operation.ts'
import { listed, reply, type Reply, type Result } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { formatTime } from '../../kit/time.ts'
import { certificatePem } from './answer.ts'
import { chainOf, findIssuerEntry, readIssuer, resolveIssuer } from './authority.ts'
import { certificatesFolder, findCertificate, metadata, metadataFolder } from './certificates.ts'
import { currentList, type ListCall } from './crl.ts'
import { issuerRef } from './issue.ts'
import { readIndex, type Issuer } from './records.ts'
import { pageFields } from './request-fields.ts'
import { revoked, revokedFolder } from './revoked.ts'
import { serialOf } from './revoke.ts'
import { coloned, dashed } from './serials.ts'

const types = { certificate: 'application/pkix-cert', pem: 'application/pem-certificate-chain', list: 'application/pkix-crl', listPem: 'application/x-pem-file' } as const

const raw = (contentType: string, body: string | Uint8Array): Reply => reply({ status: body.length === 0 ? 204 : 200, raw: { contentType, body } })

async function defaultIssuer(store: Pick<Transaction, 'get'>): Promise<Issuer | null> {
  const entry = findIssuerEntry(await readIndex(store), 'default')
  return entry === null ? null : readIssuer(store, entry.id)
}

const chainPem = async (store: Transaction, issuer: Issuer): Promise<string> => (await chainOf(store, issuer)).map(({ pem }) => pem).join('\n')

type Fetched = (call: ListCall, issuer: Issuer | null) => Promise<Result> | Result

type PublicPath = 'ca' | 'ca/pem' | 'ca_chain' | 'cert/ca' | 'cert/ca_chain' | 'crl' | 'crl/pem' | 'crl/delta' | 'crl/delta/pem' | 'cert/crl' | 'cert/delta-crl'

const publicRead = (template: PublicPath, summary: string, fetch: Fetched): Operation =>
  path(template).read({ summary, access: 'public', handle: async (call) => fetch(call, await defaultIssuer(call.store)) })

const listOf = (kind: 'complete' | 'delta', isPem: boolean): Fetched =>
  async (call, issuer) => {
    const der = issuer === null ? null : await currentList(call, issuer, kind)
    if (der === null) return raw(isPem ? types.listPem : types.list, '')
    return raw(isPem ? types.listPem : types.list, isPem ? pemEncode('X509 CRL', der) : der)
  }

const shownList = (kind: 'complete' | 'delta'): Fetched =>
  async (call, issuer) => {
    const der = issuer === null ? null : await currentList(call, issuer, kind)
    if (der === null) throw badRequest('no default issuer currently configured')
    return { certificate: pemEncode('X509 CRL', der), revocation_time: 0, revocation_time_rfc3339: '' }
  }

const notRevoked = { revocation_time: 0, revocation_time_rfc3339: '' } as const

const readings: readonly Operation[] = [
  publicRead('ca', 'Fetch the certificate of the default issuer, in DER.', (_, issuer) => raw(types.certificate, issuer?.certificate.der ?? '')),
  publicRead('ca/pem', 'Fetch the certificate of the default issuer, in PEM.', (_, issuer) => raw(types.pem, issuer?.pem ?? '')),
  publicRead('ca_chain', 'Fetch the chain of the default issuer, in PEM.', async ({ store }, issuer) => raw(types.certificate, issuer === null ? '' : await chainPem(store, issuer))),
  publicRead('cert/ca', 'Show the certificate of the default issuer.', (_, issuer) => {
    if (issuer === null) throw badRequest('no default issuer currently configured')
    return { certificate: issuer.pem, ...notRevoked }
  }),
  publicRead('cert/ca_chain', 'Show the chain of the default issuer.', async ({ store }, issuer) => {
    if (issuer === null) throw badRequest('no default issuer currently configured')
    const chain = await chainPem(store, issuer)
    return { ca_chain: chain, certificate: chain, ...notRevoked }
  }),
  publicRead('crl', 'Fetch the revocation list of the default issuer, in DER.', listOf('complete', false)),
  publicRead('crl/pem', 'Fetch the revocation list of the default issuer, in PEM.', listOf('complete', true)),
  publicRead('crl/delta', 'Fetch its delta list, in DER.', listOf('delta', false)),
  publicRead('crl/delta/pem', 'Fetch its delta list, in PEM.', listOf('delta', true)),
  publicRead('cert/crl', 'Show the revocation list of the default issuer.', shownList('complete')),
  publicRead('cert/delta-crl', 'Show its delta list.', shownList('delta')),
]

/** Vault's names for lists over several clusters: a mount here has one list, whoever asks. */
const unified: readonly Operation[] = readings
  .filter(({ path: at }) => /crl/.test(at))
  .map((operation) => also(operation, { path: operation.path.replace(/^crl/, 'unified-crl').replace(/^cert\/(delta-)?crl$/, 'cert/unified-$1crl') }))

type ListPath = 'crl' | 'crl/delta' | 'unified-crl' | 'unified-crl/delta'

const ofIssuer = (tail: 'json' | 'pem' | 'der' | ListPath | `${ListPath}/pem` | `${ListPath}/der`, summary: string, fetch: (call: ListCall, issuer: Issuer) => Promise<Result> | Result): Operation =>
  path(`issuer/{issuer_ref}/${tail}`, { issuer_ref: issuerRef }).read({
    summary,
    access: 'public',
    handle: async (call) => fetch(call, await resolveIssuer(call.store, call.params.issuer_ref)),
  })

async function issuerList(call: ListCall, issuer: Issuer, kind: 'complete' | 'delta'): Promise<Buffer> {
  const der = await currentList(call, issuer, kind)
  if (der === null) throw badRequest(`no issuer with the name and key of ${issuer.record.id} can sign revocation lists`)
  return der
}

const issuerLists = (kind: 'complete' | 'delta', base: ListPath): Operation[] => [
  ofIssuer(base, 'Show the revocation list of an issuer.', async (call, issuer) => ({ crl: `${pemEncode('X509 CRL', await issuerList(call, issuer, kind))}\n` })),
  ofIssuer(`${base}/pem`, 'Fetch the revocation list of an issuer, in PEM.', async (call, issuer) => raw(types.listPem, `${pemEncode('X509 CRL', await issuerList(call, issuer, kind))}\n`)),
  ofIssuer(`${base}/der`, 'Fetch the revocation list of an issuer, in DER.', async (call, issuer) => raw(types.list, await issuerList(call, issuer, kind))),
]

const issuerReadings: readonly Operation[] = [
  ofIssuer('json', 'Show the certificate of an issuer and its chain.', async ({ store }, issuer) => {
    const entry = (await readIndex(store)).issuers.find(({ id }) => id === issuer.record.id)
    return { ca_chain: (await chainOf(store, issuer)).map(({ pem }) => `${pem}\n`), certificate: `${issuer.pem}\n`, issuer_id: issuer.record.id, issuer_name: entry?.name ?? '' }
  }),
  ofIssuer('pem', 'Fetch the certificate of an issuer, in PEM.', (_, issuer) => raw(types.pem, `${issuer.pem}\n`)),
  ofIssuer('der', 'Fetch the certificate of an issuer, in DER.', (_, issuer) => raw(types.certificate, issuer.certificate.der)),
  ...issuerLists('complete', 'crl'),
  ...issuerLists('delta', 'crl/delta'),
  ...issuerLists('complete', 'unified-crl'),
  ...issuerLists('delta', 'unified-crl/delta'),
]

const serial = text('Serial number, its bytes separated by colons or hyphens.')

async function findDer(store: Transaction, written: string): Promise<{ readonly serial: string; readonly der: Buffer } | null> {
  if (!/^[0-9A-Fa-f:-]+$/.test(written)) throw new ApiError('unsupported_path', 'unsupported path')
  const name = serialOf(written)
  const der = name === null ? null : await findCertificate(store, name)
  return name === null || der === null ? null : { serial: name, der }
}

const readCertificate = path('cert/{serial}', { serial }).read({
  summary: 'Show a certificate.',
  access: 'public',
  async handle({ params, store }) {
    const found = await findDer(store, params.serial)
    if (found === null) return null
    const record = await revoked.read(store, found.serial)
    const certificate = certificatePem(found.der)
    if (record === null) return { certificate, ...notRevoked }
    return { certificate, revocation_time: record.revokedAt / 1000, revocation_time_rfc3339: formatTime(record.revokedAt), ...(record.issuerId === '' ? {} : { issuer_id: record.issuerId }) }
  },
})

const readRawCertificate = path('cert/{serial}/raw', { serial }).read({
  summary: 'Fetch a certificate, in DER.',
  access: 'public',
  handle: async ({ params, store }) => raw(types.certificate, (await findDer(store, params.serial))?.der ?? ''),
})

const readPemCertificate = path('cert/{serial}/raw/pem', { serial }).read({
  summary: 'Fetch a certificate, in PEM.',
  access: 'public',
  async handle({ params, store }) {
    const found = await findDer(store, params.serial)
    return raw(types.pem, found === null ? '' : certificatePem(found.der))
  },
})

interface PageInput {
  readonly after?: string
  readonly limit?: number
}

/** Names of a folder of serial numbers, as they are shown. */
async function serials(store: Transaction, folder: string, { after, limit }: PageInput): Promise<string[]> {
  const names = await store.list(folder, { ...(after === undefined ? {} : { after: dashed(after) }), ...(limit === undefined || limit <= 0 ? {} : { limit }) })
  return names.map(coloned)
}

const serialLists = (template: 'certs' | 'certs/revoked' | 'certs/unified-revoked' | 'cert-metadata', folder: string, summary: string): Operation =>
  path(template).list({ summary, input: pageFields, handle: async ({ input, store }) => listed(await serials(store, folder, input)) })

const listDetailed = path('certs/detailed').list({
  summary: 'List the certificates, with what they say.',
  input: pageFields,
  async handle({ input, store }) {
    const names = await serials(store, certificatesFolder, { limit: 1000, ...input })
    const found = await Promise.all(names.map(async (name) => [name, await findCertificate(store, name)] as const))
    return listed(names, Object.fromEntries(found.map(([name, der]) => [name, der === null ? {} : { certificate: certificatePem(der) }])))
  },
})

const readMetadata = path('cert-metadata/{serial}', { serial }).read({
  summary: 'Show what was given to be kept with a certificate.',
  async handle({ params, store }) {
    const name = serialOf(params.serial)
    const found = name === null ? null : await metadata.read(store, name)
    if (name === null || found === null) return null
    return { cert_metadata: found.metadata, expiration: formatTime(found.notAfter), issuer_id: found.issuerId, role: found.role, serial_number: name }
  },
})

export const fetchOperations: readonly Operation[] = [
  ...readings, ...unified, ...issuerReadings, readCertificate, readRawCertificate, readPemCertificate,
  serialLists('certs', certificatesFolder, 'List the serial numbers of certificates.'),
  serialLists('certs/revoked', revokedFolder, 'List the serial numbers of revoked certificates.'),
  serialLists('certs/unified-revoked', revokedFolder, 'List the serial numbers of revoked certificates.'),
  serialLists('cert-metadata', metadataFolder, 'List the certificates with which something is kept.'),
  listDetailed, readMetadata,
]
