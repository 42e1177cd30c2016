/** The steps of tidying: each a commit of bounded size, so that requests hardly notice and a stop loses nothing. */
import { DerError } from '../../crypto/der-reader.ts'
import { parseCertificate, type Certificate } from '../../crypto/x509/certificate.ts'
import type { ChoreCall } from '../../kit/engine.ts'
import type { Transaction } from '../../kit/store.ts'
import { readIssuer } from './authority.ts'
import { certificateKey, certificatesFolder, expiryFolder, findCertificate, forgetCertificate, hourEnd } from './certificates.ts'
import { readIndex } from './records.ts'
import { findIssuerOf, removeIssuer } from './registry.ts'
import { forgetRevoked, groupOf, readHead, revoked, revokedExpiryFolder, revokedFolder, tidyPage } from './revoked.ts'
import { firstEnding, firstTelling, tellsEnd } from './serials.ts'
import type { TidyTasks } from './tidy-config.ts'

export type TidyCall = Pick<ChoreCall, 'store' | 'change' | 'now' | 'signal'>

/** Told after each step how many of what are gone; whether to go on is its answer. */
export type Progress = (what: 'cert_store_deleted_count' | 'revoked_cert_deleted_count' | 'missing_issuer_cert_count', count: number) => Promise<boolean>

/** One kind of things that end. */
interface Ending {
  /** By serial number, which tells of most when they end. */
  readonly folder: string
  /** The others, by the hour. */
  readonly hours: string
  readonly bufferSeconds: number
  readonly pageSize: number
  /** Forgets those of `hour`; where that is null, those that do end when their serial numbers say so. Gives how many are gone. */
  readonly forget: (store: Transaction, hour: string | null, serials: readonly string[]) => Promise<number>
  readonly progress: (count: number) => Promise<boolean>
}

/** Page by page, until none is left that is over or `progress` says to stop. */
async function tidyEnded(call: TidyCall, ending: Ending): Promise<void> {
  const { folder, pageSize, forget, progress } = ending
  const end = firstEnding(call.now - ending.bufferSeconds * 1000)
  for (let after = firstTelling; ; ) {
    const names = (await call.store.list(folder, { after, limit: pageSize })).filter((name) => name < end)
    const last = names.at(-1)
    if (last === undefined) return await tidyHours(call, ending)
    after = last
    if (!(await progress(await call.change((store) => forget(store, null, names))))) return
  }
}

/** What ended in hours that are past, hour by hour. */
async function tidyHours(call: TidyCall, { hours, bufferSeconds, pageSize, forget, progress }: Ending): Promise<void> {
  for (let after = ''; ; ) {
    const [next] = await call.store.list(hours, { after, limit: 1 })
    if (next === undefined) return
    const hour = next.replace(/\/$/, '')
    if (hourEnd(hour) > call.now - bufferSeconds * 1000) return
    const gone = await call.change(async (store) => forget(store, hour, await store.list(`${hours}${next}`, { limit: pageSize })))
    if (gone < pageSize) after = next
    if (!(await progress(gone))) return
  }
}

export const tidyCertificates = (call: TidyCall, tasks: TidyTasks, progress: Progress): Promise<void> =>
  tidyEnded(call, {
    folder: certificatesFolder,
    hours: expiryFolder,
    bufferSeconds: tasks.safety_buffer,
    pageSize: tasks.page_size,
    async forget(store, hour, serials) {
      const gone = hour === null ? await telling(serials, async (serial) => endOf(await findCertificate(store, serial))) : serials
      for (const serial of gone) forgetCertificate(store, hour, serial)
      return gone.length
    },
    progress: (count) => progress('cert_store_deleted_count', count),
  })

/** Those that end when their serial numbers say so: others may begin with the same bytes. */
async function telling(serials: readonly string[], end: (serial: string) => Promise<number | null>): Promise<string[]> {
  const ends = await Promise.all(serials.map(end))
  return serials.filter((serial, i) => tellsEnd(serial, ends[i] ?? Number.NaN))
}

const endOf = (der: Buffer | null): number | null => (der === null ? null : (parsed(der)?.notAfter ?? null))

/** Records first, then the pages of the groups that they stood in. */
export async function tidyRevoked(call: TidyCall, tasks: TidyTasks, progress: Progress): Promise<void> {
  const groups = new Set<string>()
  await tidyEnded(call, {
    folder: revokedFolder,
    hours: revokedExpiryFolder,
    bufferSeconds: tasks.revoked_safety_buffer,
    pageSize: tasks.page_size,
    async forget(store, hour, serials) {
      const gone = hour === null ? await telling(serials, async (serial) => (await revoked.read(store, serial))?.notAfter ?? null) : serials
      for (const serial of gone) {
        const record = await revoked.read(store, serial)
        if (record !== null) groups.add(record.group)
        forgetRevoked(store, hour, serial)
      }
      return gone.length
    },
    progress: (count) => progress('revoked_cert_deleted_count', count),
  })
  const latest = call.now - tasks.revoked_safety_buffer * 1000
  for (const group of groups) {
    const head = await call.change((store) => readHead(store, group))
    for (let page = head.first; page < head.page && !call.signal.aborted; page++) await call.change((store) => tidyPage(store, group, head, page, (notAfter) => notAfter < latest))
  }
}

/** Goes through a whole folder, a page at a time: for what has no index, because it is hardly ever asked for. */
async function eachPage(call: TidyCall, folder: string, pageSize: number, handle: (store: Transaction, names: readonly string[]) => Promise<void>): Promise<void> {
  for (let after = ''; !call.signal.aborted; ) {
    const names = await call.store.list(folder, { after, limit: pageSize })
    const last = names.at(-1)
    if (last === undefined) return
    await call.change((store) => handle(store, names))
    after = last
  }
}

export const tidyInvalid = (call: TidyCall, tasks: TidyTasks): Promise<void> =>
  eachPage(call, certificatesFolder, tasks.page_size, async (store, serials) => {
    for (const serial of serials) {
      const der = await findCertificate(store, serial)
      if (der !== null && parsed(der) === null) store.delete(certificateKey(serial))
    }
  })

function parsed(der: Buffer): Certificate | null {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (error instanceof DerError) return null
    throw error
  }
}

export const tidyAssociations = (call: TidyCall, tasks: TidyTasks, progress: Progress): Promise<void> =>
  eachPage(call, revokedFolder, tasks.page_size, async (store, serials) => {
    const index = await readIndex(store)
    for (const serial of serials) {
      const record = await revoked.read(store, serial)
      if (record === null || index.issuers.some(({ id }) => id === record.issuerId)) continue
      const der = await findCertificate(store, serial)
      const certificate = der === null ? null : parsed(der)
      const issuer = certificate === null ? null : await findIssuerOf(store, certificate)
      if (issuer !== null && groupOf(issuer) === record.group) revoked.write(store, { ...record, issuerId: issuer.record.id }, serial)
      else await progress('missing_issuer_cert_count', 1)
    }
  })

/** The default issuer stays: without it, every path that names none would fail. */
export async function tidyIssuers(call: TidyCall, tasks: TidyTasks): Promise<void> {
  const latest = call.now - tasks.issuer_safety_buffer * 1000
  await call.change(async (store) => {
    const index = await readIndex(store)
    for (const { id } of index.issuers) {
      const { certificate } = await readIssuer(store, id)
      if (id !== index.defaultIssuer && certificate.notAfter < latest) await removeIssuer(store, id)
    }
  })
}
