/** Signing requests made with a key (PKCS #10, RFC 2986), and the certificates that came of them. */
import { X509Certificate } from 'node:crypto'
import { DerError, readWhole, smallInteger } from '../../crypto/der-reader.ts'
import { bitString, explicit, integer, nothing, oid, sequence, tags } from '../../crypto/der.ts'
import { digests, type Digest } from '../../crypto/digests.ts'
import { pemDecode, pemEncode } from '../../crypto/pem.ts'
import { badRequest, type ApiError } from '../../kit/errors.ts'
import { defaulted, integer as integerField, optional, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { isAsymmetric, type KeyType } from './key-types.ts'
import { checkNotSoftDeleted, resolveKey, resolveVersion, typeOf, writeVersion, type KeyRecord, type VersionRecord } from './records.ts'
import { keyName } from './sealing.ts'
import { signInput } from './signatures.ts'

const versionField = optional(integerField('Version of the key; the latest if absent.'))

/** The key and the version whose public half stands in certificates. */
function checkCertifiable(key: KeyRecord): KeyType {
  const type = typeOf(key)
  if (!type.signs || !isAsymmetric(type)) throw badRequest(`key type '${key.type}' does not support signing`)
  if (key.derived) throw badRequest('operation not supported for keys with derivation enabled')
  return type
}

export const createRequest = path('keys/{name}/csr', keyName).write({
  summary: 'Make a certificate signing request for a key.',
  input: { version: versionField, csr: defaulted(text('PEM of a request whose subject and attributes are taken over.'), '') },
  async handle({ params, input, store }) {
    const key = await resolveKey(store, params.name, `key with provided name '${params.name}' not found`)
    const type = checkCertifiable(key)
    checkNotSoftDeleted(key)
    const wanted = parseTemplate(input.csr)
    const version = await resolveVersion(store, key, input.version ?? key.latest)
    const csr = pemEncode('CERTIFICATE REQUEST', await signedRequest(key, type, version, wanted))
    return { name: key.name, type: key.type, csr: `${csr}\n` }
  },
})

/** DER of the name, and of the attributes with their tag. */
interface Wanted {
  readonly subject: Uint8Array
  readonly attributes: Uint8Array
}

const nobody: Wanted = { subject: sequence(), attributes: explicit(0) }

function parseTemplate(pem: string): Wanted {
  if (pem === '') return nobody
  const [block] = pemDecode(pem)
  if (block === undefined) throw badRequest('could not decode PEM CSR')
  try {
    const info = readWhole(block.der).enter()
    if (smallInteger(info.next(tags.integer).content) !== 0) throw new DerError('unknown version')
    const subject = info.next(tags.sequence).whole
    info.next(tags.sequence)
    const attributes = info.optional(0xa0)?.whole ?? nobody.attributes
    info.end()
    return { subject, attributes }
  } catch (error) {
    if (error instanceof DerError) throw badRequest(`the CSR is malformed: ${error.message}`)
    throw error
  }
}

interface Algorithm {
  readonly digest: Digest | null
  /** AlgorithmIdentifier. */
  readonly der: Buffer
}

const algorithm = (hash: string | null, identifier: string, ...parameters: Buffer[]): Algorithm =>
  ({ digest: hash === null ? null : (digests.get(hash) ?? null), der: sequence(oid(identifier), ...parameters) })
const algorithms: Readonly<Record<string, Algorithm>> = {
  rsa: algorithm('sha2-256', '1.2.840.113549.1.1.11', nothing),
  'P-256': algorithm('sha2-256', '1.2.840.10045.4.3.2'),
  'P-384': algorithm('sha2-384', '1.2.840.10045.4.3.3'),
  'P-521': algorithm('sha2-512', '1.2.840.10045.4.3.4'),
  ed25519: algorithm(null, '1.3.101.112'),
}

async function signedRequest(key: KeyRecord, type: KeyType, version: VersionRecord, { subject, attributes }: Wanted): Promise<Buffer> {
  const found = algorithms[type.family === 'ec' ? type.curve : type.family]
  if (found === undefined) throw badRequest(`there are no signing requests for keys of type ${type.name}`)
  const info = sequence(integer(0), subject, Buffer.from(version.public, 'base64'), attributes)
  const terms = { digest: found.digest, prehashed: false, jws: false, padding: 'pkcs1v15', saltLength: 0 }
  const { signature } = await signInput(key, type, version, info, new Uint8Array(0), terms)
  return sequence(info, found.der, bitString(signature))
}

const chainMax = 20

export const setCertificate = path('keys/{name}/set-certificate', keyName).write({
  summary: 'Keep the certificates of a key with it, in place of those that are there.',
  input: { version: versionField, certificate_chain: defaulted(text('PEM of the certificates, the one of the key first.'), '') },
  async handle({ params, input, store }) {
    const key = await resolveKey(store, params.name, `key with provided name '${params.name}' not found`)
    checkCertifiable(key)
    checkNotSoftDeleted(key)
    const number = input.version ?? key.latest
    const chain = parseChain(input.certificate_chain)
    const version = await resolveVersion(store, key, number)
    if (publicOf(chain[0]) !== version.public) throw badRequest('leaf certificate public key does not match the selected key version')
    writeVersion(store, key, number, { ...version, chain: chain.map(({ raw }) => raw.toString('base64')) })
    return { name: key.name, type: key.type, certificate_chain: input.certificate_chain }
  },
})

function publicOf(certificate: X509Certificate | undefined): string | null {
  try {
    return certificate?.publicKey.export({ format: 'der', type: 'spki' }).toString('base64') ?? null
  } catch {
    // A key of an algorithm that is not known here.
    return null
  }
}

/** At least one certificate: that of the key first, authorities behind it. */
function parseChain(pem: string): X509Certificate[] {
  const blocks = pemDecode(pem).filter(({ label }) => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE')
  if (blocks.length === 0) throw badRequest('provided certificate chain did not contain any valid PEM encoded certificate')
  if (blocks.length > chainMax) throw refusedChain(`it holds more than ${chainMax} certificates`)
  const chain = blocks.map(({ der }) => parseCertificate(der))
  const [leaf, ...authorities] = chain
  if (leaf?.ca === true) throw refusedChain('certificate in the first element is not a valid leaf certificate')
  if (authorities.some(({ ca }) => !ca)) throw refusedChain('every certificate but the first must be one of an authority')
  return chain
}

const refusedChain = (why: string): ApiError => badRequest(`failed to persist certificate chain: ${why}`)

function parseCertificate(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw badRequest('could not parse a certificate in the certificate chain')
  }
}
