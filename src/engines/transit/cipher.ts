/** Sealing and opening with a version of a key, whatever its type. */
import { constants, createHmac, publicEncrypt, webcrypto } from 'node:crypto'
import { openWith, sealDeterministic, sealWith } from '../../crypto/aead-suites.ts'
import { decodeBase64 } from '../../crypto/base64.ts'
import { lane } from '../../crypto/lane.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import type { Transaction } from '../../kit/store.ts'
import { sealingKeys } from './derive.ts'
import type { KeyType } from './key-types.ts'
import { oaepKeyOf, publicKeyOf } from './material.ts'
import { openEncapsulated, sealEncapsulated } from './encapsulated.ts'
import { checkNotSoftDeleted, resolveVersion, typeOf, type KeyRecord, type VersionRecord } from './records.ts'
import { parseTagged, tagWith } from './tagged.ts'

type Reads = Pick<Transaction, 'get'>
type AeadType = KeyType & { readonly family: 'aead' }
type RsaType = KeyType & { readonly family: 'rsa' }

/** What binds a ciphertext, decoded. */
export interface Binding {
  /** Empty where there is none. */
  readonly context: Uint8Array
  readonly associated: Uint8Array
}

export interface Sealed {
  readonly ciphertext: string
  readonly version: number
}

/** Seals with the version that is asked for, or with the latest for 0. */
export async function seal(store: Reads, key: KeyRecord, asked: number, plaintext: Uint8Array, binding: Binding): Promise<Sealed> {
  checkNotSoftDeleted(key)
  const type = typeOf(key)
  if (!type.encrypts) throw badRequest(`message encryption not supported for key type ${type.name}`)
  const number = sealingVersion(key, asked)
  const version = await resolveVersion(store, key, number)
  const sealed = await sealBytes(key, type, version, plaintext, binding)
  return { ciphertext: tagWith(number, sealed.toString('base64')), version: number }
}

function sealingVersion(key: KeyRecord, asked: number): number {
  if (asked === 0) return key.latest
  if (asked < 0) throw badRequest('requested version for encryption is negative')
  if (asked > key.latest) throw badRequest('requested version for encryption is higher than the latest key version')
  if (asked < key.minEncryption) throw badRequest('requested version for encryption is less than the minimum encryption key version')
  return asked
}

async function sealBytes(key: KeyRecord, type: KeyType, version: VersionRecord, plaintext: Uint8Array, { context, associated }: Binding): Promise<Buffer> {
  if (type.family === 'aead') return sealSymmetric(key, type, version, plaintext, { context, associated })
  if (type.family === 'rsa') return sealOaep(type, version, plaintext)
  if (type.family === 'kem') return await sealEncapsulated(type, version, plaintext, associated)
  throw badRequest(`unsupported key type ${type.name}`)
}

function sealSymmetric(key: KeyRecord, { suite }: AeadType, version: VersionRecord, plaintext: Uint8Array, { context, associated }: Binding): Buffer {
  const keys = sealingKeys(key, version, context, suite.keyBytes, key.convergent)
  if (!key.convergent || keys.nonce === null) return sealWith(suite, keys.seal, plaintext, associated)
  if (convergentScheme(key, version) !== 3) throw oldConvergent(key, version)
  // The nonce is made of what is sealed, so it never meets another plaintext. Callers cannot choose one (CVE-2023-4680).
  const nonce = createHmac('sha256', keys.nonce).update(plaintext).digest().subarray(0, suite.nonceBytes)
  return sealDeterministic(suite, keys.seal, nonce, plaintext, associated)
}

const convergentScheme = (key: KeyRecord, version: VersionRecord): number => version.convergent || key.convergentVersion || 1
const oldConvergent = (key: KeyRecord, version: VersionRecord) =>
  badRequest(`refusing to support decryption with old convergent encryption key: version ${convergentScheme(key, version)}`)

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
const oaepOverhead = 2 * 32 + 2

function sealOaep({ bits }: RsaType, version: VersionRecord, plaintext: Uint8Array): Buffer {
  if (plaintext.length > bits / 8 - oaepOverhead) throw badRequest('failed to RSA encrypt the plaintext: message too long for RSA key size')
  return publicEncrypt({ key: publicKeyOf(version), ...oaep }, plaintext)
}

/** Opens a ciphertext of any version that may be opened. */
export async function open(store: Reads, key: KeyRecord, ciphertext: string, binding: Binding): Promise<Buffer> {
  checkNotSoftDeleted(key)
  const type = typeOf(key)
  if (!type.encrypts) throw badRequest(`message decryption not supported for key type ${type.name}`)
  const { version: written, payload } = parseTagged(ciphertext, 'ciphertext')
  // The first Vault counted versions from 0.
  const number = written === 0 ? 1 : written
  checkOpens(key, number, 'ciphertext')
  const version = await resolveVersion(store, key, number)
  const sealed = decodeBase64(payload)
  if (sealed === null) throw badRequest('invalid ciphertext: could not decode base64')
  return await openBytes(key, type, version, sealed, binding)
}

/** Refuses versions that are not there yet, or that may not open any more. */
export function checkOpens(key: KeyRecord, number: number, kind: string): void {
  if (number > key.latest) throw badRequest(`invalid ${kind}: version is too new`)
  if (number < key.minDecryption) throw badRequest('ciphertext or signature version is disallowed by policy (too old)')
}

async function openBytes(key: KeyRecord, type: KeyType, version: VersionRecord, sealed: Buffer, binding: Binding): Promise<Buffer> {
  if (type.family === 'aead') return openSymmetric(key, type, version, sealed, binding)
  if (type.family === 'rsa') return await openOaep(version, sealed)
  if (type.family === 'kem') return await openEncapsulated(type, version, sealed, binding.associated)
  throw badRequest(`unsupported key type ${type.name}`)
}

function openSymmetric(key: KeyRecord, { suite, openFailure }: AeadType, version: VersionRecord, sealed: Buffer, { context, associated }: Binding): Buffer {
  const scheme = key.convergent ? convergentScheme(key, version) : 0
  if (scheme === 1 || scheme === 2) throw oldConvergent(key, version)
  const keys = sealingKeys(key, version, context, suite.keyBytes, false)
  if (sealed.length < suite.nonceBytes) throw badRequest('invalid ciphertext length')
  const plaintext = openWith(suite, keys.seal, sealed, associated)
  if (plaintext === null) throw badRequest(openFailure)
  return plaintext
}

/** The threads also read and write the store: half of them are left to it. */
const opening = lane({ running: 4, waiting: 10_000, refusal: 'too many ciphertexts are being decrypted; try again' })

async function openOaep(version: VersionRecord, sealed: Buffer): Promise<Buffer> {
  if (version.secret === '') throw badRequest('cannot decrypt ciphertext, key version does not have a private counterpart')
  try {
    const key = await oaepKeyOf(version)
    return Buffer.from(await opening(() => webcrypto.subtle.decrypt('RSA-OAEP', key, sealed)))
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw badRequest('failed to RSA decrypt the ciphertext: decryption error')
  }
}
