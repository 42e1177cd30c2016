/** Keys that leave: in the clear where they may, or wrapped for a key of the receiver. */
import { pemEncode } from '../../crypto/pem.ts'
import { badRequest, type ApiError } from '../../kit/errors.ts'
import { defaulted, nameText, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import type { Data } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { isAsymmetric, isPostQuantum, type KeyType } from './key-types.ts'
import { privateKeyOf, publicKeyOf } from './material.ts'
import { checkNotSoftDeleted, keys, oldestUsable, readVersion, resolveKey, typeOf, usableVersions, type KeyRecord, type VersionRecord } from './records.ts'
import { keyName } from './sealing.ts'
import { chainPem, publicPem } from './show.ts'
import { parseHashFunction, wrapVersion } from './transport.ts'

type Format = '' | 'raw' | 'der' | 'pem'
type Exporter = (type: KeyType, version: VersionRecord, format: Format) => string

const formats: readonly string[] = ['', 'raw', 'der', 'pem']
const isFormat = (written: string): written is Format => formats.includes(written)

const wrongFormat = (what: string, supported: string): ApiError => badRequest(`unknown format for ${what}; supported values are ${supported}`)
const rawFormats = 'raw, or none'
const pairFormats = 'der, pem, or none'

function exportSecret(secret: string, format: Format): string {
  if (format === 'der' || format === 'pem') throw wrongFormat('a symmetric key', rawFormats)
  return secret
}

/** PKCS #1 and SEC 1 by default, PKCS #8 as asked for; Ed25519 as 64 bytes. Empty where only the public half is known. */
function exportPrivate(type: KeyType, version: VersionRecord, format: Format): string {
  if ((type.family === 'ed25519' || isPostQuantum(type)) && (format === '' || format === 'raw')) return version.secret
  if (isPostQuantum(type)) throw wrongFormat('a post-quantum key', rawFormats)
  if (format === 'raw') throw wrongFormat('a key pair', pairFormats)
  if (version.secret === '') return ''
  const key = privateKeyOf(version, type.family === 'ed25519')
  if (format === 'der') return key.export({ format: 'der', type: 'pkcs8' }).toString('base64')
  if (type.family === 'rsa') return format === 'pem' ? `${pemEncode('PRIVATE KEY', key.export({ format: 'der', type: 'pkcs8' }))}\n` : `${pemEncode('RSA PRIVATE KEY', key.export({ format: 'der', type: 'pkcs1' }))}\n`
  if (type.family === 'ec' && format === '') return pemEncode('EC PRIVATE KEY', key.export({ format: 'der', type: 'sec1' }))
  return pemEncode('PRIVATE KEY', key.export({ format: 'der', type: 'pkcs8' }))
}

function exportPublic(type: KeyType, version: VersionRecord, format: Format): string {
  if (!isAsymmetric(type)) throw badRequest(`unknown key type ${type.name} for export type public-key`)
  if (isPostQuantum(type)) return exportSecret(version.public, format)
  if (type.family === 'ed25519' && (format === '' || format === 'raw')) return publicKeyOf(version).export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')
  if (format === 'raw') throw wrongFormat('a public key', pairFormats)
  if (format === 'der') return version.public
  return type.family === 'rsa' ? `${publicPem(version)}\n` : publicPem(version)
}

function exportChain(version: VersionRecord): string {
  if (version.chain.length === 0) throw badRequest('selected key version does not have a certificate chain imported')
  return chainPem(version)
}

interface Kind {
  /** Null, or why the type has none. */
  readonly refusal: (type: KeyType) => string | null
  readonly needsExportable: boolean
  readonly write: Exporter
}

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['encryption-key', {
    refusal: (type) => (type.encrypts ? null : 'encryption not supported for the key'),
    needsExportable: true,
    write: (type, version, format) => (isAsymmetric(type) ? exportPrivate(type, version, format) : exportSecret(version.secret, format)),
  }],
  ['signing-key', { refusal: (type) => (type.signs ? null : 'signing not supported for the key'), needsExportable: true, write: exportPrivate }],
  ['hmac-key', { refusal: () => null, needsExportable: true, write: (_, version, format) => exportSecret(version.hmac, format) }],
  ['public-key', { refusal: () => null, needsExportable: false, write: exportPublic }],
  ['certificate-chain', {
    refusal: (type) => (type.signs ? null : 'certificate chain not supported for keys that do not support signing'),
    needsExportable: false,
    write: (_, version) => exportChain(version),
  }],
])

interface ExportParams {
  readonly type: string
  readonly name: string
}

async function exportKey(store: Transaction, params: ExportParams, format: string, version: string): Promise<Data | null> {
  const kind = kinds.get(params.type)
  if (kind === undefined) throw badRequest(`invalid export type: ${params.type}`)
  if (!isFormat(format)) throw badRequest(`invalid format: ${format}`)
  const key = await keys.read(store, params.name)
  if (key === null) return null
  if (kind.needsExportable && !key.exportable) throw badRequest('private key material is not exportable')
  checkNotSoftDeleted(key)
  const type = typeOf(key)
  const refusal = kind.refusal(type)
  if (refusal !== null) throw badRequest(refusal)
  return await exported(store, key, version, (found) => kind.write(type, found, format))
}

/** One version or all of them, each as `write` puts it. */
async function exported(store: Transaction, key: KeyRecord, version: string, write: (version: VersionRecord) => string): Promise<Data> {
  const found = version === '' ? await usableVersions(store, key) : [await versionNamed(store, key, version)]
  return { name: key.name, type: typeOf(key).apiType, keys: Object.fromEntries(found.map(([number, record]) => [number, write(record)])) }
}

async function versionNamed(store: Transaction, key: KeyRecord, written: string): Promise<readonly [number, VersionRecord]> {
  const digits = written.replace(/^v/, '')
  if (written !== 'latest' && !/^[+-]?\d{1,10}$/.test(digits)) throw badRequest('invalid key version')
  const number = written === 'latest' ? key.latest : Number(digits)
  if (number < oldestUsable(key)) throw badRequest('version for export is below minimum decryption version')
  if (number > key.latest) throw badRequest('version does not exist or cannot be found')
  return [number, await readVersion(store, key, number)]
}

const formatField = defaulted(text('raw, der or pem; if absent, what is usual for the type.'), '')
const exportParams = { type: text('encryption-key, signing-key, hmac-key, public-key or certificate-chain.'), ...keyName }
const version = text('A version, or `latest`.')

export const exporting = [
  path('export/{type}/{name}', exportParams).read({
    summary: 'Show the material of all versions of a key.',
    input: { format: formatField },
    handle: ({ params, input, store }) => exportKey(store, params, input.format, ''),
  }),
  path('export/{type}/{name}/{version}', { ...exportParams, version }).read({
    summary: 'Show the material of a version of a key.',
    input: { format: formatField },
    handle: ({ params, input, store }) => exportKey(store, params, input.format, params.version),
  }),
]

async function exportWrapped(store: Transaction, params: { readonly destination: string; readonly source: string }, hash: string, version: string): Promise<Data> {
  const destination = await resolveKey(store, params.destination, 'no such destination key to export to')
  checkNotSoftDeleted(destination)
  const source = await resolveKey(store, params.source, 'no such source key for export')
  if (!source.exportable) throw badRequest('key is not exportable')
  checkNotSoftDeleted(source)
  if (typeOf(destination).family !== 'rsa') throw badRequest(`keys cannot be wrapped with a key of type ${destination.type}; it must be a rsa key`)
  const wrapping = publicKeyOf(await readVersion(store, destination, destination.latest))
  const oaepHash = parseHashFunction(hash)
  return await exported(store, source, version, (found) => wrapVersion(wrapping, typeOf(source), found, oaepHash).toString('base64'))
}

const hashField = defaulted(text('Hash of OAEP: SHA1, SHA224, SHA256, SHA384 or SHA512.'), 'SHA256')
const wrappedParams = { destination: nameText('The RSA key of the receiver.'), source: nameText('The key that leaves.') }

export const exportingWrapped = [
  path('byok-export/{destination}/{source}', wrappedParams).read({
    summary: 'Show all versions of a key, wrapped for another key.',
    input: { hash: hashField },
    handle: ({ params, input, store }) => exportWrapped(store, params, input.hash, ''),
  }),
  path('byok-export/{destination}/{source}/{version}', { ...wrappedParams, version }).read({
    summary: 'Show a version of a key, wrapped for another key.',
    input: { hash: hashField },
    handle: ({ params, input, store }) => exportWrapped(store, params, input.hash, params.version),
  }),
]
