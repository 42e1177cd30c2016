/** Revocation lists: built when they are asked for and have changed, and kept signed. */
import { writeRevocationList } from '../../crypto/x509/crl.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { readIssuer, readKey, revocationSigner, type Authority, type SigningCall } from './authority.ts'
import { durationMs, readRevocationConfig, type RevocationConfig } from './crl-config.ts'
import { readIndex, type Issuer } from './records.ts'
import { entriesFrom, groupOf, peeking, readHead, type Head, type Position } from './revoked.ts'

/** What is known of the lists of a group that were signed last. */
interface Lists {
  /** The last number that was given to a list, complete or delta. */
  readonly lastNumber: number
  readonly complete: Signed
  readonly delta: (Signed & { readonly base: number }) | null
}

interface Signed {
  readonly number: number
  readonly total: number
  readonly epoch: number
  readonly end: Position
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly isEmpty: boolean
  /** In how many values its bytes are kept. Absent: one. */
  readonly pieces?: number
}

const lists = records<Lists, [group: string]>((group) => `.crl/${group}/lists`)
type ListKind = 'complete' | 'delta'
const pieceKey = (group: string, kind: ListKind, piece: number): string => `.crl/${group}/${kind}${piece === 0 ? '' : `.${piece}`}`
/** Below what a value may hold. */
const pieceBytes = 8 * 1024 * 1024

export interface ListCall extends SigningCall {
  readonly store: Transaction
  readonly now: number
}

type Reader = Pick<Transaction, 'get'>

/** An issuer of the same name and key that may and can sign lists; null when there is none. */
async function listAuthority(store: Reader, issuer: Issuer): Promise<Authority | null> {
  const group = groupOf(issuer)
  const index = await readIndex(store)
  for (const entry of index.issuers) {
    if (entry.keyId === '') continue
    const one = entry.id === issuer.record.id ? issuer : await readIssuer(store, entry.id)
    if (groupOf(one) === group && one.record.usage.includes('crl-signing')) return { issuer: one, entry, key: await readKey(store, entry.keyId) }
  }
  return null
}

/** DER of the list in force, or null where nobody can sign one. */
export async function currentList(call: ListCall, issuer: Issuer, kind: 'complete' | 'delta'): Promise<Buffer | null> {
  const { store } = call
  const group = groupOf(issuer)
  const authority = await listAuthority(store, issuer)
  const known = await lists.read(store, group)
  const job = { call, group, authority, config: await readRevocationConfig(store), head: await readHead(peeking(store), group) }
  if (authority === null) return storedBytes(store, group, kind, known)
  if (kind === 'complete') return isCompleteGood(job, known) ? storedBytes(store, group, kind, known) : (await buildComplete(job, authority, known)).der
  const base = isCompleteGood(job, known) ? (known as Lists) : (await buildComplete(job, authority, known)).lists
  return isDeltaGood(job, base) ? storedBytes(store, group, kind, base) : buildDelta(job, authority, base)
}

interface Job {
  readonly call: ListCall
  readonly group: string
  readonly config: RevocationConfig
  readonly head: Head
}

async function storedBytes(store: Reader, group: string, kind: ListKind, known: Lists | null): Promise<Buffer | null> {
  const signed = known?.[kind] ?? null
  if (signed === null) return null
  const pieces = await Promise.all(Array.from({ length: signed.pieces ?? 1 }, (_, piece) => store.get(pieceKey(group, kind, piece))))
  return pieces.includes(null) ? null : Buffer.concat(pieces.flatMap((piece) => piece?.value ?? []))
}

/** `before`: of the list that these bytes take the place of. */
function storeBytes(store: Transaction, group: string, kind: ListKind, der: Buffer, before: Pick<Signed, 'pieces'> | null): void {
  const pieces = piecesOf(der)
  for (let piece = 0; piece < pieces; piece++) store.put(pieceKey(group, kind, piece), der.subarray(piece * pieceBytes, (piece + 1) * pieceBytes))
  for (let piece = pieces; piece < (before?.pieces ?? 1); piece++) store.delete(pieceKey(group, kind, piece))
}

const piecesOf = (der: Buffer): number => Math.max(1, Math.ceil(der.length / pieceBytes))

function isCompleteGood({ call, config, head }: Job, known: Lists | null): boolean {
  if (known === null) return false
  const { complete } = known
  const grace = Math.min(durationMs(config.auto_rebuild_grace_period), (complete.nextUpdate - complete.thisUpdate) / 2)
  if (call.now >= complete.nextUpdate - grace || complete.isEmpty !== config.disable) return false
  return config.auto_rebuild || config.disable || (complete.total === head.total && complete.epoch === head.epoch)
}

function isDeltaGood({ call, config, head }: Job, { delta, complete }: Lists): boolean {
  if (delta === null || delta.base !== complete.number || call.now >= delta.nextUpdate) return false
  if (delta.total === head.total && delta.epoch === head.epoch) return true
  return config.auto_rebuild && config.enable_delta && call.now < delta.thisUpdate + durationMs(config.delta_rebuild_interval)
}

async function buildComplete(job: Job, authority: Authority, known: Lists | null): Promise<{ readonly der: Buffer; readonly lists: Lists }> {
  const { group, call, config } = job
  const { signed, der } = await build(job, authority, (known?.lastNumber ?? 0) + 1, null, { page: 0, count: 0 })
  const next: Lists = { lastNumber: signed.number, complete: { ...signed, isEmpty: config.disable }, delta: null }
  if (known?.delta?.pieces !== undefined) storeBytes(call.store, group, 'delta', Buffer.alloc(0), known.delta)
  lists.write(call.store, next, group)
  storeBytes(call.store, group, 'complete', der, known?.complete ?? null)
  return { der, lists: next }
}

async function buildDelta(job: Job, authority: Authority, known: Lists): Promise<Buffer> {
  const { group, call } = job
  // What was tidied moved the positions: the delta then repeats everything, which clients add up to the same.
  const from = known.complete.epoch === job.head.epoch ? known.complete.end : { page: 0, count: 0 }
  const { signed, der } = await build(job, authority, known.lastNumber + 1, known.complete.number, from)
  lists.write(call.store, { ...known, lastNumber: signed.number, delta: { ...signed, base: known.complete.number } }, group)
  storeBytes(call.store, group, 'delta', der, known.delta)
  return der
}

interface Built {
  readonly signed: Signed
  readonly der: Buffer
}

interface BuildUnderWay {
  readonly number: number
  readonly deltaOf: number | null
  readonly config: RevocationConfig
  readonly issuer: Issuer
  readonly built: Promise<Built>
}

/** What is being built, by what it is built from: however many ask at once, this process puts one list together. */
const underWay = new WeakMap<Head, BuildUnderWay>()

function build(job: Job, authority: Authority, number: number, deltaOf: number | null, from: Position): Promise<Built> {
  const { head, config } = job
  const same = underWay.get(head)
  if (same?.number === number && same.deltaOf === deltaOf && same.config === config && same.issuer === authority.issuer) return same.built
  const built = putTogether(job, authority, number, deltaOf, from).finally(() => underWay.delete(head))
  // The head of what was never revoked is that of all groups.
  if (head.total > 0) underWay.set(head, { number, deltaOf, config, issuer: authority.issuer, built })
  return built
}

async function putTogether({ call, group, config, head }: Job, authority: Authority, number: number, deltaOf: number | null, from: Position): Promise<Built> {
  const { entries, end } = await entriesFrom(peeking(call.store), group, head, from)
  const thisUpdate = Math.floor(call.now / 1000) * 1000
  const nextUpdate = thisUpdate + durationMs(config.expiry)
  const der = await writeRevocationList(
    {
      issuer: authority.issuer.certificate.subject, issuerKeyId: authority.issuer.keyId, number: BigInt(number), deltaOf: deltaOf === null ? null : BigInt(deltaOf),
      thisUpdate, nextUpdate, entries: config.disable ? [] : entries,
    },
    revocationSigner(call, authority),
  )
  const pieces = piecesOf(der)
  return { signed: { number, total: head.total, epoch: head.epoch, end, thisUpdate, nextUpdate, isEmpty: config.disable, ...(pieces > 1 ? { pieces } : {}) }, der }
}

/** Builds the lists of every issuer anew, whatever there is. */
export async function rotateLists(call: ListCall, kind: 'complete' | 'delta'): Promise<void> {
  const { store } = call
  const config = await readRevocationConfig(store)
  const done = new Set<string>()
  for (const { id } of (await readIndex(store)).issuers) {
    const issuer = await readIssuer(store, id)
    const group = groupOf(issuer)
    const authority = done.has(group) ? null : await listAuthority(store, issuer)
    done.add(group)
    if (authority === null) continue
    const job: Job = { call, group, config, head: await readHead(peeking(store), group) }
    const known = await lists.read(store, group)
    if (kind === 'complete' || known === null) await buildComplete(job, authority, known)
    else await buildDelta(job, authority, known)
  }
}
