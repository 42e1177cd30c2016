/** The steps of tidying: each a commit of bounded size, so that requests hardly notice and a stop loses nothing. */
import { DerError } from '../../crypto/der-reader.ts'
import { parseCertificate } from '../../crypto/x509/certificate.ts'
import type { ChoreCall } from '../../kit/engine.ts'
import type { Transaction } from '../../kit/store.ts'
import { readIssuer } from './authority.ts'
import { certificateKey, certificatesFolder, expiryFolder, findCertificate, forgetCertificate, hourEnd } from './certificates.ts'
import { readIndex } from './records.ts'
import { findIssuerOf, removeIssuer } from './registry.ts'
import { forgetRevoked, groupOf, readHead, revoked, revokedExpiryFolder, revokedFolder, tidyPage } from './revoked.ts'
import type { TidyTasks } from './tidy-config.ts'

export type TidyCall = Pick<ChoreCall, 'store' | 'change' | 'now' | 'signal'>

/** Told after each step how many of what are gone; whether to go on is its answer. */
export type Progress = (what: 'cert_store_deleted_count' | 'revoked_cert_deleted_count' | 'missing_issuer_cert_count', count: number) => Promise<boolean>

/** Takes what ended in hours that are past, hour by hour and page by page, until none is left or `progress` says to stop. */
async function tidyHours(call: TidyCall, folder: string, bufferSeconds: number, pageSize: number, forget: (store: Transaction, hour: string, serials: readonly string[]) => Promise<number>, progress: (count: number) => Promise<boolean>): Promise<void> {
  for (let after = ''; ; ) {
    const [next] = await call.store.list(folder, { after, limit: 1 })
    if (next === undefined) return
    const hour = next.replace(/\/$/, '')
    if (hourEnd(hour) > call.now - bufferSeconds * 1000) return
    const gone = await call.change(async (store) => forget(store, hour, await store.list(`${folder}${next}`, { limit: pageSize })))
    if (gone < pageSize) after = next
    if (!(await progress(gone))) return
  }
}

export const tidyCertificates = (call: TidyCall, tasks: TidyTasks, progress: Progress): Promise<void> =>
  tidyHours(call, expiryFolder, tasks.safety_buffer, tasks.page_size, async (store, hour, serials) => {
    for (const serial of serials) forgetCertificate(store, hour, serial)
    return serials.length
  }, (count) => progress('cert_store_deleted_count', count))

/** Records first, then the pages of the groups that they stood in. */
export async function tidyRevoked(call: TidyCall, tasks: TidyTasks, progress: Progress): Promise<void> {
  const groups = new Set<string>()
  await tidyHours(call, revokedExpiryFolder, tasks.revoked_safety_buffer, tasks.page_size, async (store, hour, serials) => {
    for (const serial of serials) {
      const record = await revoked.read(store, serial)
      if (record !== null) groups.add(record.group)
      forgetRevoked(store, hour, serial)
    }
    return serials.length
  }, (count) => progress('revoked_cert_deleted_count', count))
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
      if (der !== null && !isCertificate(der)) store.delete(certificateKey(serial))
    }
  })

function isCertificate(der: Buffer): boolean {
  try {
    parseCertificate(der)
    return true
  } catch (error) {
    if (error instanceof DerError) return false
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
      const issuer = der === null || !isCertificate(der) ? null : await findIssuerOf(store, parseCertificate(der))
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
