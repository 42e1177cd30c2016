/**
 * Configuration that every request may need at once: audit devices, CORS. Kept for as long as the generation stays the same, and taken over
 * before the first request that could know of the change.
 */
import type { KeyObject } from 'node:crypto'
import { records } from '../kit/records.ts'
import type { AuditBroker } from './audit/broker.ts'
import type { AuditDeviceRecord } from './audit/config.ts'
import { namedStore, type Base } from './base.ts'
import { defaultQuotaConfig, quotaConfigs, rateLimits, type RateLimiter } from './quotas.ts'
import { currentGeneration } from './generation.ts'

export const auditDevices = records<AuditDeviceRecord, [path: string]>((path) => `audit/${encodeURIComponent(path)}`)
export const auditHeaders = records<{ readonly name: string; readonly hmac: boolean }, [name: string]>((name) => `config/audit-headers/${encodeURIComponent(name)}`)

export interface CorsRecord {
  readonly enabled: boolean
  readonly allowedOrigins: readonly string[]
  readonly allowedHeaders: readonly string[]
}
export const corsRecords = records<CorsRecord, []>(() => 'config/cors')

export interface Live {
  readonly cors: CorsRecord | null
  readonly auditDevices: readonly AuditDeviceRecord[]
}

export interface LiveTable {
  /** What is in force. A promise where that has changed. */
  readonly refresh: () => Live | Promise<Live>
  /** What was in force at the last refresh, for those who cannot wait. */
  readonly last: () => Live
}

const nothing: Live = Object.freeze({ cors: null, auditDevices: [] })

export function liveTable(base: Base, audit: AuditBroker, rateLimiter: RateLimiter, signingKey: () => KeyObject | null): LiveTable {
  let generation = -1
  let last = nothing
  let pending: Promise<Live> | null = null
  const load = async (now: number): Promise<Live> => {
    const named = namedStore(base)
    const devices = await readAll(named, 'audit/', (name) => auditDevices.read(named, name))
    const headers = await readAll(named, 'config/audit-headers/', (name) => auditHeaders.read(named, name))
    await audit.configure({ devices, headers: new Map(headers.map(({ name, hmac }) => [name, { hmac }])), signingKey: signingKey() })
    const limits = await readAll(named, 'quotas/rate-limit/', (name) => rateLimits.read(named, name))
    rateLimiter.configure(limits, (await quotaConfigs.read(named)) ?? defaultQuotaConfig)
    last = { cors: await corsRecords.read(named), auditDevices: devices }
    generation = now
    return last
  }
  const refresh = (): Live | Promise<Live> => {
    const now = currentGeneration(base)
    return now === generation ? last : renew(now)
  }
  const renew = async (asked: number | Promise<number>): Promise<Live> => {
    const now = await asked
    if (now === generation) return last
    if (pending !== null) return await pending.then(refresh) // It may be loading what was before the change that this request must see.
    pending = load(now).finally(() => (pending = null))
    return await pending
  }
  return { last: () => last, refresh }
}

async function readAll<T>(named: ReturnType<typeof namedStore>, folder: string, read: (name: string) => Promise<T | null>): Promise<T[]> {
  const found: T[] = []
  for (const name of await named.list(folder)) {
    const record = await read(decodeURIComponent(name))
    if (record !== null) found.push(record)
  }
  return found
}
