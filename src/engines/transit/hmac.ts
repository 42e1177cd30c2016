/** HMACs (RFC 2104). Every key has a key of its own for them. */
import { createHmac } from 'node:crypto'
import { decodeBase64, parseBase64 } from '../../crypto/base64.ts'
import { digests, type Digest } from '../../crypto/digests.ts'
import { isEqualSecret } from '../../crypto/keys.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, optional, text } from '../../kit/fields.ts'
import type { Json } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import type { Data } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { eachItem, parseItems, type Item } from './batch.ts'
import { hmacKeyOf } from './material.ts'
import { checkNotSoftDeleted, resolveKey, resolveVersion, type KeyRecord, type VersionRecord } from './records.ts'
import { batchField, itemResult, keyName, versionField } from './sealing.ts'
import { parseTagged, tagWith } from './tagged.ts'

const hmacSpec = {
  input: {
    input: optional(text('Base64 of what is to be authenticated.')),
    algorithm: defaulted(text('Hash function: sha2-224 to sha2-512, sha3-224 to sha3-512.'), 'sha2-256'),
    key_version: versionField,
    batch_input: batchField,
  },
}

interface HmacCall {
  readonly params: { readonly name: string }
  readonly input: { readonly input?: string; readonly key_version: number; readonly batch_input?: Json }
  readonly store: Transaction
}

async function handleHmac({ params, input, store }: HmacCall, algorithm: string): Promise<Data> {
  const key = await resolveKey(store, params.name)
  const number = input.key_version === 0 ? key.latest : input.key_version
  if (number !== key.latest && number < key.minEncryption) throw badRequest('cannot generate HMAC: version is too old (disallowed by policy)')
  const version = await resolveHmacVersion(store, key, number)
  const digest = resolveDigest(algorithm)
  const batch = parseItems(input.batch_input, ['input'])
  const compute = (text: string | undefined) => tagWith(number, computeHmac(version, digest, parseHmacInput(text)).toString('base64'))
  if (batch === null) return { hmac: compute(input.input) }
  const outcomes = await eachItem(batch, async (item) => compute(item.input))
  return { batch_results: outcomes.map((outcome, i) => itemResult(outcome, (hmac) => ({ hmac }), {}, batch[i]?.reference ?? '')) }
}

async function resolveHmacVersion(store: Transaction, key: KeyRecord, number: number): Promise<VersionRecord> {
  checkNotSoftDeleted(key)
  if (number < 0) throw badRequest('key version does not exist (cannot be negative)')
  if (number > key.latest) throw badRequest(`key version does not exist; latest key version is ${key.latest}`)
  return await resolveVersion(store, key, number)
}

function resolveDigest(algorithm: string): Digest {
  const digest = digests.get(algorithm)
  if (digest === undefined) throw badRequest(`unsupported algorithm ${JSON.stringify(algorithm)}`)
  return digest
}

function parseHmacInput(input: string | undefined, missing = 'missing input for HMAC'): Buffer {
  if (input === undefined) throw badRequest(missing)
  return parseBase64(input, 'unable to decode input as base64')
}

const computeHmac = (version: VersionRecord, { name }: Digest, input: Uint8Array): Buffer => createHmac(name, hmacKeyOf(version)).update(input).digest()

const algorithmName = { ...keyName, urlalgorithm: text('Hash function; wins over the one in the body.') }

export const hmac = [
  path('hmac/{name}', keyName).write({ ...hmacSpec, summary: 'Compute an HMAC.', handle: (call) => handleHmac(call, call.input.algorithm) }),
  path('hmac/{name}/{urlalgorithm}', algorithmName).write({ ...hmacSpec, summary: 'Compute an HMAC with the hash that the path names.', handle: (call) => handleHmac(call, call.params.urlalgorithm) }),
]

type HmacItem = Item<'input' | 'hmac'>

/** `verify` for HMACs. */
export async function verifyHmacs(store: Transaction, name: string, algorithm: string, items: readonly HmacItem[], isBatch: boolean): Promise<Data> {
  const key = await resolveKey(store, name)
  const digest = resolveDigest(algorithm)
  if (!isBatch) return { valid: await verifyHmac(store, key, digest, items[0] as HmacItem) }
  const outcomes = await eachItem(items, (item) => verifyHmac(store, key, digest, item))
  // Vault leaves `valid` out where it is false.
  return { batch_results: outcomes.map((outcome, i) => itemResult(outcome, (valid) => (valid ? { valid } : {}), {}, items[i]?.reference ?? '')) }
}

async function verifyHmac(store: Transaction, key: KeyRecord, digest: Digest, item: HmacItem): Promise<boolean> {
  const input = parseHmacInput(item.input, 'missing input')
  const given = item.hmac ?? ''
  if (!given.startsWith('vault:v')) throw badRequest('invalid HMAC to verify: no prefix')
  const { version: number, payload } = parseTagged(given, 'HMAC')
  const code = decodeBase64(payload)
  if (code === null) throw badRequest('unable to decode verification HMAC as base64')
  if (number > key.latest) throw badRequest('invalid HMAC: version is too new')
  if (number < key.minDecryption) throw badRequest('cannot verify HMAC: version is too old (disallowed by policy)')
  return isEqualSecret(computeHmac(await resolveHmacVersion(store, key, number), digest, input), code)
}
