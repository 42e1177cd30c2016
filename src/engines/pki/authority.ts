/** Issuers and keys by reference, and what it takes to sign with them. */
import { algorithmFor, signatureAlgorithms, type SigningKey } from '../../crypto/x509/algorithms.ts'
import type { Signer } from '../../crypto/x509/certificate.ts'
import { badRequest, internal } from '../../kit/errors.ts'
import type { Call } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import { issuerOf, issuers, keyObjectOf, keys, readIndex, type CaIndex, type Issuer, type IssuerEntry, type KeyEntry, type KeyRecord } from './records.ts'

export const usages = ['crl-signing', 'issuing-certificates', 'ocsp-signing', 'read-only'] as const
export type Usage = (typeof usages)[number]

type Reader = Pick<Transaction, 'get'>

/** By id, by name, or `default`; null when there is none. */
export function findIssuerEntry({ issuers: all, defaultIssuer }: CaIndex, ref: string): IssuerEntry | null {
  const id = ref === 'default' ? defaultIssuer : ref
  return id === '' ? null : (all.find((issuer) => issuer.id === id || issuer.name === id) ?? null)
}

/** Throws `bad_request`. */
export function resolveIssuerEntry(index: CaIndex, ref: string): IssuerEntry {
  const found = findIssuerEntry(index, ref)
  if (found !== null) return found
  throw badRequest(ref === 'default' ? 'no default issuer currently configured' : `unable to find PKI issuer for reference: ${ref}`)
}

export function resolveKeyEntry({ keys: all, defaultKey }: CaIndex, ref: string): KeyEntry {
  const id = ref === 'default' ? defaultKey : ref
  const found = id === '' ? undefined : all.find((key) => key.id === id || key.name === id)
  if (found !== undefined) return found
  throw badRequest(ref === 'default' ? 'no default key currently configured' : `unable to find PKI key for reference: ${ref}`)
}

export async function readIssuer(store: Reader, id: string): Promise<Issuer> {
  const record = await issuers.read(store, id)
  if (record === null) throw internal(`the issuer ${id} is in the index and has no record`)
  return issuerOf(record)
}

export async function readKey(store: Reader, id: string): Promise<KeyRecord> {
  const record = await keys.read(store, id)
  if (record === null) throw internal(`the key ${id} is in the index and has no record`)
  return record
}

/** Throws `bad_request`. */
export const resolveIssuer = async (store: Reader, ref: string): Promise<Issuer> => readIssuer(store, resolveIssuerEntry(await readIndex(store), ref).id)

/** An issuer together with its key. */
export interface Authority {
  readonly issuer: Issuer
  readonly entry: IssuerEntry
  readonly key: KeyRecord
}

/** Throws `bad_request` when there is no such issuer, it may not do that, or its key is not here. */
export async function resolveAuthority(store: Reader, ref: string, usage: Usage): Promise<Authority> {
  const index = await readIndex(store)
  const entry = findIssuerEntry(index, ref)
  if (entry === null) {
    const reason = ref === 'default' ? 'no default issuer currently configured' : `unable to find PKI issuer for reference: ${ref}`
    throw badRequest(`could not fetch the CA certificate (was one set?): ${reason}`)
  }
  const issuer = await readIssuer(store, entry.id)
  if (!issuer.record.usage.includes(usage)) {
    const which = `[id:${entry.id} / name:${entry.name}]`
    throw badRequest(`error fetching CA certificate: error while attempting to use issuer ${entry.id}: requested usage ${usage} for issuer ${which} but only had usage ${issuer.record.usage.join(',')}`)
  }
  if (entry.keyId === '') throw badRequest(`error fetching CA certificate: no key is known for issuer ${entry.id}`)
  return { issuer, entry, key: await readKey(store, entry.keyId) }
}

/** What signing takes beside the key: managed keys sign where they are. */
export type SigningCall = Pick<Call<unknown, unknown>, 'managedKeys'>

export const signerFor = (call: SigningCall, key: KeyRecord, hashBits = 0, usePss = false): Signer => ({ algorithm: algorithmFor(key, hashBits, usePss), key: signingKeyOf(call, key) })

function signingKeyOf({ managedKeys }: SigningCall, key: KeyRecord): SigningKey {
  const { managed, type } = key
  if (managed === undefined) return keyObjectOf(key)
  return ({ digest, isPss }, data) => managedKeys.sign({ id: managed.id, type }, { hash: digest, isPss }, data)
}

/** For lists and OCSP: what the issuer says, where it fits its key. */
export function revocationSigner(call: SigningCall, { issuer, key }: Authority): Signer {
  const chosen = signatureAlgorithms.find(({ name, keyType }) => name === issuer.record.revocationAlgorithm && keyType === key.type)
  return chosen === undefined || key.type !== 'rsa' ? signerFor(call, key) : { algorithm: chosen, key: signingKeyOf(call, key) }
}

/** The certificates above and including this issuer, as far as the mount knows them. */
export const chainOf = (store: Reader, { record }: Issuer): Promise<Issuer[]> =>
  record.chain.length === 1 && record.chain[0] === record.id ? Promise.resolve([issuerOf(record)]) : Promise.all(record.chain.map((id) => readIssuer(store, id)))
