/** Keys that two parties agree on: ECDH (SP 800-56A) and HKDF-SHA256 of what it yields. */
import { diffieHellman } from 'node:crypto'
import { hkdfExpand, hkdfExtract } from '../../crypto/hkdf.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, integer, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { emptyKey, versionOf } from './generate.ts'
import { findNamedType, type KeyType } from './key-types.ts'
import { privateKeyOf, publicKeyOf } from './material.ts'
import { parsePublicHalves } from './parse-key.ts'
import { checkNotSoftDeleted, isKeyName, keys, resolveKey, resolveVersion, typeOf, writeKey, writeVersion, type KeyRecord, type VersionRecord } from './records.ts'
import { keyName } from './sealing.ts'

export const deriveKeyOperation = path('derive-key/{name}', keyName).write({
  summary: 'Make a key out of a key here and the public key of another party.',
  input: {
    key_derivation_algorithm: defaulted(text('ecdh.'), 'ecdh'),
    peer_public_key: defaulted(text('PEM of the public key of the other party.'), ''),
    base_key_name: defaulted(text('The key here, of a type ecdsa.'), ''),
    base_key_version: defaulted(integer('Its version; 0 for the latest.'), 0),
    derived_key_type: defaulted(text('Type of the key that is made.'), 'aes256-gcm96'),
  },
  async handle({ params, input, store, now, random }) {
    if (input.key_derivation_algorithm !== 'ecdh') throw badRequest(`key derivation algorithm ${input.key_derivation_algorithm} not supported`)
    if (input.peer_public_key === '') throw badRequest('peer public key not provided')
    const type = findNamedType(input.derived_key_type.toLowerCase())
    if (type?.family !== 'aead') throw badRequest(`unknown key type ${input.derived_key_type}`)
    if (!isKeyName(input.base_key_name)) throw badRequest(missingBase)
    const base = await resolveKey(store, input.base_key_name, missingBase)
    if ((await keys.read(store, params.name)) !== null) throw badRequest(`the key ${params.name} exists already`)
    checkNotSoftDeleted(base)
    const version = await resolveVersion(store, base, input.base_key_version === 0 ? base.latest : input.base_key_version)
    const secret = agreedBytes(base, version, input.peer_public_key, type.suite.keyBytes)
    const key = { ...emptyKey(params.name, type, { imported: true }, random), latest: 1, rotatedAt: now }
    writeKey(store, key, null)
    writeVersion(store, key, 1, versionOf(type, { secret: secret.toString('base64'), public: '' }, false, now, random))
    return null
  },
})

const missingBase = 'specified base key not found'

function agreedBytes(base: KeyRecord, version: VersionRecord, peerPem: string, length: number): Buffer {
  const type: KeyType = typeOf(base)
  if (type.family !== 'ec') throw badRequest(`base key type ${base.type} does not support key agreement`)
  if (version.secret === '') throw badRequest('the private half of the base key is not known')
  const peer = publicKeyOf({ ...version, ...parsePublicHalves(type, peerPem) })
  const shared = diffieHellman({ privateKey: privateKeyOf(version, false), publicKey: peer })
  const agreed = hkdfExpand(hkdfExtract(shared), new Uint8Array(0), length)
  shared.fill(0)
  return agreed
}
