/** Revocation lists: built when they are asked for and have changed, and kept signed. */
import { writeRevocationList } from '../../crypto/x509/crl.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { readIssuer, readKey, revocationSigner, type Authority, type SigningCall } from './authority.ts'
import { durationMs, readRevocationConfig, type RevocationConfig } from './crl-config.ts'
import { readIndex, type Issuer } from './records.ts'
import { entriesFrom, groupOf, readHead, type Head, type Position } from './revoked.ts'

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
}

const lists = records<Lists, [group: string]>((group) => `.crl/${group}/lists`)
const bytesKey = (group: string, kind: 'complete' | 'delta'): string => `.crl/${group}/${kind}`

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
  const job = { call, group, authority, config: await readRevocationConfig(store), head: await readHead(store, group) }
  if (authority === null) return known === null ? null : storedBytes(store, group, kind)
  if (kind === 'complete') return isCompleteGood(job, known) ? storedBytes(store, group, kind) : (await buildComplete(job, authority, known)).der
  const base = isCompleteGood(job, known) ? (known as Lists) : (await buildComplete(job, authority, known)).lists
  return isDeltaGood(job, base) ? storedBytes(store, group, kind) : buildDelta(job, authority, base)
}

interface Job {
  readonly call: ListCall
  readonly group: string
  readonly config: RevocationConfig
  readonly head: Head
}

async function storedBytes(store: Reader, group: string, kind: 'complete' | 'delta'): Promise<Buffer | null> {
  const entry = await store.get(bytesKey(group, kind))
  return entry === null ? null : Buffer.from(entry.value.buffer, entry.value.byteOffset, entry.value.byteLength)
}

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
  lists.write(call.store, next, group)
  call.store.put(bytesKey(group, 'complete'), der)
  return { der, lists: next }
}

async function buildDelta(job: Job, authority: Authority, known: Lists): Promise<Buffer> {
  const { group, call } = job
  // What was tidied moved the positions: the delta then repeats everything, which clients add up to the same.
  const from = known.complete.epoch === job.head.epoch ? known.complete.end : { page: 0, count: 0 }
  const { signed, der } = await build(job, authority, known.lastNumber + 1, known.complete.number, from)
  lists.write(call.store, { ...known, lastNumber: signed.number, delta: { ...signed, base: known.complete.number } }, group)
  call.store.put(bytesKey(group, 'delta'), der)
  return der
}

async function build({ call, group, config, head }: Job, authority: Authority, number: number, deltaOf: number | null, from: Position): Promise<{ readonly signed: Signed; readonly der: Buffer }> {
  const { entries, end } = await entriesFrom(call.store, group, head, from)
  const thisUpdate = Math.floor(call.now / 1000) * 1000
  const nextUpdate = thisUpdate + durationMs(config.expiry)
  const der = await writeRevocationList(
    {
      issuer: authority.issuer.certificate.subject, issuerKeyId: authority.issuer.keyId, number: BigInt(number), deltaOf: deltaOf === null ? null : BigInt(deltaOf),
      thisUpdate, nextUpdate, entries: config.disable ? [] : entries,
    },
    revocationSigner(call, authority),
  )
  return { signed: { number, total: head.total, epoch: head.epoch, end, thisUpdate, nextUpdate, isEmpty: config.disable }, der }
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
    const job: Job = { call, group, config, head: await readHead(store, group) }
    const known = await lists.read(store, group)
    if (kind === 'complete' || known === null) await buildComplete(job, authority, known)
    else await buildDelta(job, authority, known)
  }
}
