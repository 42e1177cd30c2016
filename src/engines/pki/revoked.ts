/**
 * What was revoked. Each certificate has a record of its own, by which OCSP answers, and stands in a page of its issuer's list. Pages are filled one after
 * the other, so that one revocation rewrites one small page however many there are, and a delta list needs only the last ones.
 */
import { createHash } from 'node:crypto'
import { authorityKeyIdOf, type Certificate } from '../../crypto/x509/certificate.ts'
import { writeEntry } from '../../crypto/x509/crl.ts'
import { Conflict } from '../../kit/errors.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { hourFolder } from './certificates.ts'
import type { Issuer } from './records.ts'
import { dashed, tellsEnd } from './serials.ts'

export interface RevokedRecord {
  /** '' where the issuer is not known any more. */
  readonly issuerId: string
  /** Whose list it stands in: see `groupOf`. */
  readonly group: string
  /** Milliseconds since 1970. */
  readonly revokedAt: number
  readonly notAfter: number
}

export const revokedFolder = 'revoked/'
/** By the hour in which they end, where their serial numbers do not tell it, as certificates have it. */
export const revokedExpiryFolder = 'revoked-expiry/'
export const revoked = records<RevokedRecord, [serial: string]>((serial) => revokedFolder + dashed(serial))

/**
 * Issuers with the same name and key share one list, as clients cannot tell their certificates apart. The group is a hash of both, so it can be told from
 * an issued certificate as well.
 */
const groupName = (name: Uint8Array, keyId: Uint8Array): string => createHash('sha256').update(name).update(keyId).digest('hex').slice(0, 32)
export const groupOf = ({ certificate, keyId }: Pick<Issuer, 'certificate' | 'keyId'>): string => groupName(certificate.subject, keyId)
export const groupOfIssued = (certificate: Certificate): string => groupName(certificate.issuer, authorityKeyIdOf(certificate) ?? new Uint8Array())

export function keepRevoked(store: Transaction, serial: string, record: RevokedRecord): void {
  revoked.write(store, record, serial)
  const name = dashed(serial)
  if (!tellsEnd(name, record.notAfter)) store.put(`${revokedExpiryFolder}${hourFolder(record.notAfter)}/${name}`, Uint8Array.of(1))
}

/** The record only: pages are tidied whole. `hour`: see `forgetCertificate`. */
export function forgetRevoked(store: Transaction, hour: string | null, serial: string): void {
  revoked.remove(store, serial)
  if (hour !== null) store.delete(`${revokedExpiryFolder}${hour}/${dashed(serial)}`)
}

/** `[serial in hexadecimal, revoked at, ends at]`, times in milliseconds. */
type PageEntry = readonly [serial: string, revokedAt: number, notAfter: number]
export interface Page {
  readonly entries: readonly PageEntry[]
}

/** Where the next revocation goes. */
export interface Head {
  readonly page: number
  readonly count: number
  /** Pages before this one are gone. */
  readonly first: number
  /** Grows with each revocation. */
  readonly total: number
  /** Grows each time that tidying takes entries out. */
  readonly epoch: number
}

/** A page of so many is full: each revocation reads and writes one. Earlier versions filled them up to `pageLimit`. */
export const pageMax = 100
const pageLimit = 500
const pages = records<Page, [group: string, page: string]>((group, page) => `.crl/${group}/page/${page}`)
const heads = records<Head, [group: string]>((group) => `.crl/${group}/head`)
const noHead: Head = Object.freeze({ page: 0, count: 0, first: 0, total: 0, epoch: 0 })
const noPage: Page = Object.freeze({ entries: [] })

type Reader = Pick<Transaction, 'get'>
export const readHead = async (store: Reader, group: string): Promise<Head> => (await heads.read(store, group)) ?? noHead
const readPage = async (store: Reader, group: string, page: number): Promise<Page> => (await pages.read(store, group, `${page}`)) ?? noPage

/** A view that the commit does not depend on: what is revoked meanwhile stands in the next list, and a list of a million does not have to be begun anew for it. */
export const peeking = (store: Pick<Transaction, 'peek'>): Reader => ({ get: (key) => store.peek(key) })
const headOf = (bytes: Uint8Array | null): Head => (bytes === null ? noHead : heads.decode({ value: bytes, version: 0 }))
const pageOf = (bytes: Uint8Array | null): Page => (bytes === null ? noPage : pages.decode({ value: bytes, version: 0 }))

/** Adds to the list of a group. Concurrent revocations do not conflict, except for the one that begins a page. */
export async function appendRevoked(store: Transaction, group: string, serial: Uint8Array, record: RevokedRecord): Promise<void> {
  const entry = await store.peek(heads.key(group))
  const { page } = headOf(entry?.value ?? null)
  const key = pages.key(group, `${page}`)
  const added: PageEntry = [Buffer.from(serial).toString('hex'), record.revokedAt, record.notAfter]
  store.merge(key, (bytes) => {
    const { entries } = pageOf(bytes)
    if (entries.length >= pageLimit) throw new Conflict(key)
    return pages.encode({ entries: [...entries, added] })
  })
  store.merge(heads.key(group), (bytes) => {
    const head = headOf(bytes)
    const count = head.count + 1
    const isFull = count >= pageMax
    return heads.encode({ ...head, total: head.total + 1, page: isFull ? head.page + 1 : head.page, count: isFull ? 0 : count })
  })
}

/** Up to where a list was built. */
export interface Position {
  readonly page: number
  readonly count: number
}

const encoded = new WeakMap<Page, Buffer>()
const encode = (entries: readonly PageEntry[]): Buffer => Buffer.concat(entries.map(([serial, revokedAt]) => writeEntry({ serial: Buffer.from(serial, 'hex'), revokedAt })))

function encodedPage(page: Page): Buffer {
  const known = encoded.get(page)
  if (known !== undefined) return known
  const made = encode(page.entries)
  encoded.set(page, made)
  return made
}

/** The entries from a position on, as they stand in a list, in pieces; and the position after the last. */
export async function entriesFrom(store: Reader, group: string, head: Head, from: Position): Promise<{ readonly entries: Buffer[]; readonly end: Position }> {
  const entries: Buffer[] = []
  let end: Position = { page: head.page, count: 0 }
  for (let number = Math.max(from.page, head.first); number <= head.page; number++) {
    const page = await readPage(store, group, number)
    entries.push(number === from.page && from.count > 0 ? encode(page.entries.slice(from.count)) : encodedPage(page))
    if (number === head.page) end = { page: number, count: page.entries.length }
  }
  return { entries: entries.filter(({ length }) => length > 0), end }
}

/**
 * Takes entries out of one full page: those for whom `isOver`. An empty page is deleted. The page that is being filled is left alone, so that positions stay right.
 * Gives how many were taken out.
 */
export async function tidyPage(store: Transaction, group: string, head: Head, number: number, isOver: (notAfter: number) => boolean): Promise<number> {
  if (number >= head.page) return 0
  const { entries } = await readPage(store, group, number)
  const kept = entries.filter(([, , notAfter]) => !isOver(notAfter))
  if (kept.length === entries.length && kept.length > 0) return 0
  if (kept.length === 0) pages.remove(store, group, `${number}`)
  else pages.write(store, { entries: kept }, group, `${number}`)
  store.merge(heads.key(group), (bytes) => {
    const now = headOf(bytes)
    return heads.encode({ ...now, epoch: now.epoch + 1, first: kept.length === 0 && now.first === number ? number + 1 : now.first })
  })
  return entries.length - kept.length
}
