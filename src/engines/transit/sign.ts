/** Signatures. */
import { decodeBase64, decodeBase64Url, parseBase64 } from '../../crypto/base64.ts'
import { digests } from '../../crypto/digests.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, optional, text } from '../../kit/fields.ts'
import type { Json } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import type { Data } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { eachItem, parseItems, type Item } from './batch.ts'
import { checkOpens } from './cipher.ts'
import { verifyHmacs } from './hmac.ts'
import { ed25519PublicBytes } from './material.ts'
import { checkNotSoftDeleted, resolveKey, resolveVersion, typeOf, type KeyRecord } from './records.ts'
import { batchField, contextField, itemResult, keyName, versionField } from './sealing.ts'
import { signInput, verifyInput, type SigningTerms } from './signatures.ts'
import { parseTagged, tagWith } from './tagged.ts'

const algorithmName = { ...keyName, urlalgorithm: text('Hash function; wins over the one in the body.') }
const hashField = defaulted(text('Hash function: sha1, sha2-224 to sha2-512, sha3-224 to sha3-512; `none` with prehashed input and pkcs1v15.'), 'sha2-256')

const termsInput = {
  hash_algorithm: hashField,
  algorithm: defaulted(text('For HMACs: the hash function. Without effect on signatures.'), 'sha2-256'),
  prehashed: defaulted(flag('Whether the input is the hash already.'), false),
  signature_algorithm: defaulted(text('Padding of RSA: pss or pkcs1v15.'), ''),
  marshaling_algorithm: defaulted(text('asn1, or jws for base64url with r and s side by side.'), 'asn1'),
  salt_length: defaulted(text('Salt of PSS: auto, hash, or a number of bytes.'), 'auto'),
}

interface TermsInput {
  readonly hash_algorithm: string
  readonly algorithm: string
  readonly prehashed: boolean
  readonly signature_algorithm: string
  readonly marshaling_algorithm: string
  readonly salt_length: string
}

const encodings = ['asn1', 'jws']

function parseTerms(input: TermsInput, urlAlgorithm: string): SigningTerms {
  const hash = urlAlgorithm || input.hash_algorithm || input.algorithm
  const digest = hash === 'none' ? null : digests.get(hash)
  if (digest === undefined) throw badRequest(`invalid hash algorithm ${JSON.stringify(hash)}`)
  if (!encodings.includes(input.marshaling_algorithm)) throw badRequest(`invalid marshaling type ${JSON.stringify(input.marshaling_algorithm)}`)
  return {
    digest, prehashed: input.prehashed, jws: input.marshaling_algorithm === 'jws',
    padding: input.signature_algorithm, saltLength: parseSaltLength(input.salt_length),
  }
}

function parseSaltLength(written: string): number {
  const lower = written.toLowerCase()
  if (lower === 'auto') return 0
  if (lower === 'hash') return -1
  if (!/^[+-]?\d{1,6}$/.test(lower)) throw badRequest(`salt length neither 'auto', 'hash', nor an int: ${written.slice(0, 20)}`)
  if (Number(lower) < -1) throw badRequest(`salt length is invalid: ${Number(lower)}`)
  return Number(lower)
}

function checkUse(key: KeyRecord, { digest, prehashed, padding }: SigningTerms, what: string): void {
  if (!typeOf(key).signs) throw badRequest(`key type ${key.type} does not support ${what}`)
  if (digest === null && (!prehashed || padding !== 'pkcs1v15')) {
    throw badRequest('hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15')
  }
}

type SignItem = Item<'input' | 'context'>
type Call<I> = { readonly params: { readonly name: string }; readonly input: I; readonly store: Transaction }
type SignCall = Call<TermsInput & { readonly input: string; readonly context: string; readonly key_version: number; readonly batch_input?: Json }>

const signSpec = {
  input: { ...termsInput, input: defaulted(text('Base64 of what is to be signed.'), ''), context: contextField, key_version: versionField, batch_input: batchField },
}

async function handleSign({ params, input, store }: SignCall, urlAlgorithm: string): Promise<Data> {
  const terms = parseTerms(input, urlAlgorithm)
  const key = await resolveKey(store, params.name, 'signing key not found')
  checkUse(key, terms, 'signing')
  const batch = parseItems(input.batch_input, ['input', 'context'])
  if (batch === null) {
    const { publickey, ...signed } = await signItem(store, key, { ...input, reference: '' }, input.key_version, terms)
    return { ...signed, ...(publickey !== undefined && { public_key: publickey }) }
  }
  const outcomes = await eachItem(batch, (item) => signItem(store, key, item, input.key_version, terms))
  return { batch_results: outcomes.map((outcome, i) => itemResult(outcome, (signed) => signed, { key_version: 0 }, batch[i]?.reference ?? '')) }
}

interface SignedItem {
  readonly signature: string
  readonly key_version: number
  readonly publickey?: string
}

async function signItem(store: Transaction, key: KeyRecord, item: Omit<SignItem, 'keyVersion'>, asked: number, terms: SigningTerms): Promise<SignedItem & Data> {
  if (item.input === undefined) throw badRequest('missing input')
  const input = parseBase64(item.input, 'unable to decode input as base64')
  const context = parseBase64(item.context ?? '', 'failed to base64-decode context')
  checkNotSoftDeleted(key)
  const number = signingVersion(key, asked)
  const version = await resolveVersion(store, key, number)
  const { signature, publicKey } = await signInput(key, typeOf(key), version, input, context, terms)
  const written = tagWith(number, signature.toString(terms.jws ? 'base64url' : 'base64'))
  return { signature: written, key_version: number, ...(publicKey !== null && { publickey: ed25519PublicBytes(publicKey).toString('base64') }) }
}

function signingVersion(key: KeyRecord, asked: number): number {
  if (asked === 0) return key.latest
  if (asked < 0) throw badRequest('requested version for signing is negative')
  if (asked > key.latest) throw badRequest('requested version for signing is higher than the latest key version')
  if (asked < key.minEncryption) throw badRequest('requested version for signing is less than the minimum encryption key version')
  return asked
}

export const sign = [
  path('sign/{name}', keyName).write({ ...signSpec, summary: 'Sign.', handle: (call) => handleSign(call, '') }),
  path('sign/{name}/{urlalgorithm}', algorithmName).write({ ...signSpec, summary: 'Sign the hash that the path names.', handle: (call) => handleSign(call, call.params.urlalgorithm) }),
]

const verifySpec = {
  input: {
    ...termsInput,
    input: defaulted(text('Base64 of what was signed.'), ''),
    signature: optional(text('The signature, as signing gave it.')),
    hmac: optional(text('The HMAC, as `hmac` gave it.')),
    context: contextField,
    batch_input: batchField,
  },
}

type VerifyItem = Item<'input' | 'context' | 'signature' | 'hmac'>
type VerifyInput = TermsInput & { readonly input: string; readonly context: string; readonly signature?: string; readonly hmac?: string; readonly batch_input?: Json }

async function handleVerify({ params, input, store }: Call<VerifyInput>, urlAlgorithm: string): Promise<Data> {
  const batch = parseItems(input.batch_input, ['input', 'context', 'signature', 'hmac'])
  const items: readonly VerifyItem[] = batch ?? [{ ...input, signature: input.signature, hmac: input.hmac, keyVersion: 0, reference: '' }]
  if (verifiedKind(items, batch !== null) === 'hmac') return await verifyHmacs(store, params.name, urlAlgorithm || input.algorithm, items, batch !== null)
  const terms = parseTerms(input, urlAlgorithm)
  const key = await resolveKey(store, params.name, 'signature verification key not found')
  checkUse(key, terms, 'verification')
  if (batch === null) return { valid: await verifyItem(store, key, items[0] as VerifyItem, terms) }
  const outcomes = await eachItem(items, (item) => verifyItem(store, key, item, terms))
  return { batch_results: outcomes.map((outcome, i) => itemResult(outcome, (valid) => ({ valid }), { valid: false }, items[i]?.reference ?? '')) }
}

/** Signatures and HMACs do not go together in one request. */
function verifiedKind(items: readonly VerifyItem[], isBatch: boolean): 'signature' | 'hmac' {
  const kinds = items.map(({ signature, hmac }) => (signature !== undefined ? 'signature' : hmac !== undefined ? 'hmac' : null))
  const missing = kinds.includes(null)
  const [signatures, hmacs] = [kinds.includes('signature'), kinds.includes('hmac')]
  if (!signatures && !hmacs) throw badRequest(isBatch ? "no batch_input elements have 'signature' or 'hmac'" : "neither a 'signature' nor an 'hmac' were given to verify")
  if (signatures && hmacs) throw badRequest("elements of batch_input must all provide 'signature' or all provide 'hmac'")
  if (missing) throw badRequest(`some elements of batch_input are missing '${signatures ? 'signature' : 'hmac'}'`)
  return signatures ? 'signature' : 'hmac'
}

async function verifyItem(store: Transaction, key: KeyRecord, item: VerifyItem, terms: SigningTerms): Promise<boolean> {
  if (item.input === undefined) throw badRequest('missing input')
  const input = parseBase64(item.input, 'unable to decode input as base64')
  const context = parseBase64(item.context ?? '', 'failed to base64-decode context')
  checkNotSoftDeleted(key)
  const { version: number, payload } = parseTagged(item.signature ?? '', 'signature')
  checkOpens(key, number, 'signature')
  const signature = terms.jws ? decodeBase64Url(payload) : decodeBase64(payload)
  if (signature === null) throw badRequest('invalid base64 signature value')
  return await verifyInput(key, typeOf(key), await resolveVersion(store, key, number), input, signature, context, terms)
}

export const verify = [
  path('verify/{name}', keyName).write({ ...verifySpec, summary: 'Check a signature or an HMAC.', handle: (call) => handleVerify(call, '') }),
  path('verify/{name}/{urlalgorithm}', algorithmName).write({
    ...verifySpec,
    summary: 'Check a signature or an HMAC, with the hash that the path names.',
    handle: (call) => handleVerify(call, call.params.urlalgorithm),
  }),
]
