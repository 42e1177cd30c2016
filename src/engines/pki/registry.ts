/** The issuers and keys of a mount as they come and go: the index, which key belongs to whom, who stands above whom. */
import { fingerprint, isIssuedBy, isSelfSigned, parseCertificate, serialText, subjectKeyIdOf, authorityKeyIdOf, type Certificate } from '../../crypto/x509/certificate.ts'
import type { NewKey } from '../../crypto/x509/keys.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Transaction } from '../../kit/store.ts'
import { readIssuer, usages } from './authority.ts'
import { issuers, keys, newId, readIndex, writeIndex, type CaIndex, type Issuer, type IssuerEntry, type IssuerRecord, type KeyEntry, type KeyRecord } from './records.ts'

type Random = (bytes: number) => Uint8Array

const nameShape = /^\w(?:[\w.-]*\w)?$/
/** So that the one record that lists them stays small. */
export const issuersMax = 10_000

/** Throws `bad_request`. '' is no name. */
export function checkIssuerName(index: CaIndex, name: string, own = ''): void {
  if (name === '') return
  if (name.toLowerCase() === 'default') throw badRequest("reserved keyword 'default' can not be used as issuer name")
  if (!nameShape.test(name)) throw badRequest('issuer name contained invalid characters')
  if (index.issuers.some((issuer) => issuer.id !== own && (issuer.name === name || issuer.id === name))) throw badRequest('issuer name already in use')
}

/** Throws `bad_request`. */
export function checkKeyName(index: CaIndex, name: string, own = ''): void {
  if (name === '') return
  if (!nameShape.test(name)) throw badRequest('key name contained invalid characters')
  if (index.keys.some((key) => key.id !== own && (key.name === name || key.id === name))) throw badRequest('key name already in use')
}

export interface AddedKey {
  readonly entry: KeyEntry
  readonly record: KeyRecord
  readonly isNew: boolean
}

/** Keeps a key, unless it is there already. Issuers whose certificates name it get it. */
export async function addKey(store: Transaction, random: Random, { type, privateDer, spki }: NewKey, bits: number, name: string, managed?: KeyRecord['managed']): Promise<AddedKey> {
  const index = await readIndex(store)
  const print = fingerprint(spki)
  const known = index.keys.find((key) => key.fingerprint === print)
  if (known !== undefined) {
    const record = await keys.read(store, known.id)
    if (record !== null) return { entry: known, record, isNew: false }
  }
  checkKeyName(index, name)
  if (index.keys.length >= issuersMax) throw badRequest(`a mount holds at most ${issuersMax} keys`)
  const record: KeyRecord = { id: newId(random), type, bits, privateDer: privateDer.toString('base64'), spki: spki.toString('base64'), ...(managed !== undefined && { managed }) }
  const entry: KeyEntry = { id: record.id, name, type, fingerprint: print }
  keys.write(store, record, record.id)
  const lacking = await issuersOfKey(store, index, print)
  writeIndex(store, {
    ...index,
    keys: [...index.keys, entry],
    issuers: index.issuers.map((issuer) => (lacking.has(issuer.id) ? { ...issuer, keyId: record.id } : issuer)),
    defaultKey: index.defaultKey === '' ? record.id : index.defaultKey,
  })
  return { entry, record, isNew: true }
}

async function issuersOfKey(store: Transaction, index: CaIndex, print: string): Promise<ReadonlySet<string>> {
  const without = index.issuers.filter(({ keyId }) => keyId === '')
  const found = await Promise.all(without.map(({ id }) => readIssuer(store, id)))
  return new Set(found.filter(({ certificate }) => fingerprint(certificate.spki) === print).map(({ record }) => record.id))
}

export interface AddedIssuer {
  readonly entry: IssuerEntry
  readonly isNew: boolean
}

/** Keeps an issuer, unless it is there already; the key is found by its public half. `changes` are for what was made here. */
export async function addIssuer(store: Transaction, random: Random, der: Buffer, name: string, changes: Partial<IssuerRecord> = {}): Promise<AddedIssuer> {
  const index = await readIndex(store)
  const certificate = parseCertificate(der)
  const print = fingerprint(der)
  const known = index.issuers.find((issuer) => issuer.fingerprint === print)
  if (known !== undefined) return { entry: known, isNew: false }
  checkIssuerName(index, name)
  if (index.issuers.length >= issuersMax) throw badRequest(`a mount holds at most ${issuersMax} issuers`)
  const keyPrint = fingerprint(certificate.spki)
  const keyId = index.keys.find((key) => key.fingerprint === keyPrint)?.id ?? ''
  const entry: IssuerEntry = { id: newId(random), name, keyId, serial: serialText(certificate.serial), fingerprint: print }
  const record: IssuerRecord = { ...freshIssuer, id: entry.id, certificate: der.toString('base64'), chain: [entry.id], ...changes }
  issuers.write(store, record, entry.id)
  const isDefault = index.defaultIssuer === '' || index.followsLatest
  writeIndex(store, { ...index, issuers: [...index.issuers, entry], ...(isDefault ? { defaultIssuer: entry.id } : {}) })
  await rebuildChains(store)
  return { entry, isNew: true }
}

const freshIssuer = {
  manualChain: null, leafNotAfter: 'err', usage: [...usages].sort(), revocationAlgorithm: '', urls: null, revokedAt: null,
} as const

export async function removeIssuer(store: Transaction, id: string): Promise<void> {
  const index = await readIndex(store)
  issuers.remove(store, id)
  writeIndex(store, { ...index, issuers: index.issuers.filter((issuer) => issuer.id !== id), defaultIssuer: index.defaultIssuer === id ? '' : index.defaultIssuer })
  await rebuildChains(store)
}

export async function removeKey(store: Transaction, id: string): Promise<void> {
  const index = await readIndex(store)
  keys.remove(store, id)
  writeIndex(store, { ...index, keys: index.keys.filter((key) => key.id !== id), defaultKey: index.defaultKey === id ? '' : index.defaultKey })
}

/** Works out anew who stands above whom, and writes those issuers for whom that changed. */
export async function rebuildChains(store: Transaction): Promise<void> {
  const { issuers: entries } = await readIndex(store)
  const all = await Promise.all(entries.map(({ id }) => readIssuer(store, id)))
  const bySubject = new Map<string, Issuer[]>()
  for (const issuer of all) {
    const subject = issuer.certificate.subject.toString('hex')
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), issuer])
  }
  for (const issuer of all) {
    const chain = issuer.record.manualChain ?? chainUp(issuer, bySubject)
    if (String(chain) !== String(issuer.record.chain)) issuers.write(store, { ...issuer.record, chain }, issuer.record.id)
  }
}

const chainMax = 20

/** Upwards until a root, or until nobody is known. Of several that are above (cross-signing), a root is preferred. */
function chainUp(from: Issuer, bySubject: ReadonlyMap<string, readonly Issuer[]>): string[] {
  const chain = [from]
  for (let at = from; chain.length < chainMax && !isSelfSigned(at.certificate); ) {
    const above = (bySubject.get(at.certificate.issuer.toString('hex')) ?? []).filter((one) => !chain.includes(one) && isAbove(one.certificate, at.certificate))
    const next = above.find(({ certificate }) => isSelfSigned(certificate)) ?? above[0]
    if (next === undefined) break
    chain.push(next)
    at = next
  }
  return chain.map(({ record }) => record.id)
}

function isAbove(above: Certificate, below: Certificate): boolean {
  const named = authorityKeyIdOf(below)
  const id = subjectKeyIdOf(above)
  return (named === null || id === null || named.equals(id)) && isIssuedBy(below, above)
}

/** The issuer of the mount that made a certificate, or null. */
export async function findIssuerOf(store: Pick<Transaction, 'get'>, certificate: Certificate): Promise<Issuer | null> {
  const { issuers: entries } = await readIndex(store)
  for (const { id } of entries) {
    const issuer = await readIssuer(store, id)
    if (isAbove(issuer.certificate, certificate)) return issuer
  }
  return null
}
