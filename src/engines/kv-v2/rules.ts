/** Rules of versions: numbers, how many are kept, how long they live, who may write on top of which. */
import { formatDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { JsonNumber, type Json, type JsonObject } from '../../kit/json.ts'
import type { MountSettings } from './records.ts'
import type { SecretRecord, VersionRecord } from './secret.ts'

/** Kept of each secret when neither it nor the mount says otherwise. */
const versionsDefault = 10
/** More are never kept, whatever is set: their states are one record, which every write of the secret writes again. */
export const versionsMax = 10_000

/** As in Vault the larger of the two settings counts. */
export function versionsKept(mount: MountSettings, secret: SecretRecord): number {
  const wanted = Math.max(mount.maxVersions, secret.maxVersions)
  return Math.min(wanted === 0 ? versionsDefault : wanted, versionsMax)
}

/** When a version that is made (or restored) at `now` is deleted by its age: the shorter of the two settings; `null` for never. */
export function deletionTime(mount: MountSettings, secret: SecretRecord, now: number): number | null {
  if (mount.deleteAfterSeconds < 0) return null
  const wanted = [mount.deleteAfterSeconds, secret.deleteAfterSeconds].filter((seconds) => seconds > 0)
  return wanted.length === 0 ? null : now + Math.min(...wanted) * 1000
}

const isDeleted = (version: VersionRecord, now: number): boolean => version.deletedAt !== null && version.deletedAt <= now

/** Whether a version still gives out its data. */
export const isReadable = (version: VersionRecord, now: number): boolean => version.state === 'live' && !isDeleted(version, now)

/** `null`: never written, or not kept any more. Numbers below 1 mean the current one. */
export function findVersion(secret: SecretRecord, number: number): VersionRecord | null {
  const first = secret.versions[0]
  if (first === undefined) return null
  return secret.versions[(number > 0 ? number : secret.current) - first.number] ?? null
}

/** The record of a secret before anything was written to it. */
export const emptySecret = (id: string, now: number): SecretRecord => ({
  id,
  createdAt: now,
  updatedAt: now,
  current: 0,
  oldest: 0,
  revision: 0,
  maxVersions: 0,
  casRequired: false,
  metadataCasRequired: false,
  deleteAfterSeconds: 0,
  custom: null,
  versions: [],
})

export interface Added {
  readonly secret: SecretRecord
  readonly version: VersionRecord
  /** Versions that are not kept any more and whose data is to be removed: all but that of one, whose slot the new version takes. */
  readonly dropped: readonly VersionRecord[]
}

/** Adds the next version and drops the oldest ones. `oldest` moves exactly as it does in Vault: when the number reaches the limit. */
export function addVersion(secret: SecretRecord, kept: number, made: Omit<VersionRecord, 'number' | 'slot' | 'state' | 'labels'>): Added {
  const current = secret.current + 1
  const oldest = current - secret.oldest >= kept ? current - kept + 1 : secret.oldest
  const before = secret.versions
  const [reused, ...dropped] = before.filter((v) => v.number < oldest && v.state === 'live')
  // No slot is above the number of its version: that of a new one is free.
  const version: VersionRecord = { number: current, slot: reused?.slot ?? current, state: 'live', labels: {}, ...made }
  return {
    version,
    secret: {
      ...secret,
      current,
      oldest,
      updatedAt: made.createdAt,
      versions: [...before.filter((v) => v.number >= oldest), version],
    },
    dropped,
  }
}

type Change = (version: VersionRecord) => VersionRecord

/** Applies `change` to the versions with these numbers; the same record when nothing changed. Unknown numbers are ignored. */
export function changeVersions(secret: SecretRecord, numbers: readonly number[], change: Change): SecretRecord {
  const wanted = new Set(numbers)
  let isChanged = false
  const versions = secret.versions.map((version) => {
    const made = wanted.has(version.number) ? change(version) : version
    isChanged ||= made !== version
    return made
  })
  return isChanged ? { ...secret, versions } : secret
}

/** An earlier deletion keeps its time; one that was to come happens now. */
export const deleted = (version: VersionRecord, now: number): VersionRecord =>
  isReadable(version, now) ? { ...version, deletedAt: now } : version

/** Its life begins anew where versions are deleted by their age. */
export const undeleted = (version: VersionRecord, deletedAt: number | null): VersionRecord =>
  version.state === 'destroyed' || version.deletedAt === deletedAt ? version : { ...version, deletedAt }

export const destroyed = (version: VersionRecord): VersionRecord =>
  version.state === 'destroyed' ? version : { ...version, state: 'destroyed' }

/** The number in `options.cas`, in the forms that Vault takes (`2`, `"2"`); `null` when there is none. Throws `bad_request`. */
export function parseCas(options: JsonObject): number | null {
  if (!Object.hasOwn(options, 'cas')) return null
  const raw: Json | undefined = options['cas']
  if (raw === null || raw === '') return 0
  if (typeof raw === 'boolean') return raw ? 1 : 0
  const written = raw instanceof JsonNumber ? raw.text : raw
  const isWhole = typeof written === 'number' ? Number.isInteger(written) : typeof written === 'string' && /^[+-]?[0-9]+$/.test(written)
  if (!isWhole) throw badRequest('error parsing check-and-set parameter: "cas" must be a whole number')
  return Number(written)
}

/** Refuses a write that was made against another version than the current one. Texts as clients know them. */
export function checkCas(options: JsonObject, mount: MountSettings, secret: SecretRecord): void {
  const cas = parseCas(options)
  if (cas === null) {
    if (mount.casRequired || secret.casRequired) throw badRequest('check-and-set parameter required for this call')
  } else if (cas !== secret.current) throw badRequest('check-and-set parameter did not match the current version')
}

/** The same for the settings of a secret: 0 demands that there is none yet. */
export function checkMetadataCas(given: number | undefined, mount: MountSettings, secret: SecretRecord | null): void {
  if (given === undefined) {
    const isRequired = mount.metadataCasRequired || secret?.metadataCasRequired === true
    if (isRequired) throw badRequest('metadata check-and-set parameter required for this call')
  } else if (secret === null) {
    if (given !== 0) throw badRequest('metadata_cas must be 0 for a secret that does not exist yet')
  } else if (given !== secret.revision) throw badRequest('metadata check-and-set parameter does not match the current version')
}

/** Throws `bad_request` for a number of versions that means nothing. Returns a warning for one that is above the limit. */
export function checkMaxVersions(given: number): string | null {
  if (given < 0) throw badRequest('max_versions must not be negative')
  return given > versionsMax ? `max_versions is ${given}, but no more than ${versionsMax} versions of a secret are kept` : null
}

/** Throws `bad_request` for a negative lifetime in the settings of a secret: only the mount can switch them off. */
export function checkDeleteAfter(seconds: number): void {
  if (seconds < 0) throw badRequest(`delete_version_after must not be negative, but is ${formatDuration(seconds)}`)
}
