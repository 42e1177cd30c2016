/**
 * Leases and their indexes. A lease lies under the hash of its folder (`auth/userpass/login/ann/`), so that the folders can be listed page
 * by page and nothing that a client named is readable. The time-ordered index is all that the sweeper reads: memory and start-up do not
 * grow with the number of leases.
 */
import type { KeyObject } from 'node:crypto'
import { GenerationalCache } from '../../barrier/cache.ts'
import { records } from '../../kit/records.ts'
import type { Data } from '../../kit/result.ts'
import type { Base } from '../base.ts'
import { keyedHash } from '../tokens/ids.ts'

export interface LeaseRecord {
  readonly id: string
  /** Of the token that holds it; for the lease of a token: of the token itself. */
  readonly tokenHash: string
  /** Null for the lease of a token: the times are in the token's own record. */
  readonly secret: SecretLease | null
  /** Id of the quota that counts it; absent: none does. */
  readonly quota?: string
  /** The role of the login that it is the token of, for quotas; absent: none. */
  readonly role?: string
}

export interface SecretLease {
  readonly mountPath: string
  readonly mountUuid: string
  readonly kind: string
  readonly internal: Data
  /** Milliseconds since 1970. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** When the batch token ends that asked for it: nothing revokes the lease then, so it must not last longer. Absent: the token that holds it takes it along. */
  readonly endsAt?: number
  readonly lastRenewalAt: number
  /** Seconds. */
  readonly ttl: number
  readonly maxTtl: number
  readonly renewable: boolean
  /** How often revoking it has failed, and why the last time. */
  readonly failures: number
  readonly failure: string
  readonly irrevocable: boolean
  /**
   * The secret is about to be made outside, and `expiresAt` is when that is over for certain; see `kit/outside.ts`. `abandoned`: nobody waits for it any
   * more. Absent: the secret is there.
   */
  readonly intent?: 'open' | 'abandoned'
}

/** Where a lease lies: hash of its folder, and the last part of its id, which is random. */
export interface LeasePlace {
  readonly folder: string
  readonly suffix: string
}

export const leaseRecords = records<LeaseRecord, [folder: string, suffix: string]>((folder, suffix) => `lease/${folder}/${suffix}`)
/** A folder inside a folder, kept under both hashes; its name is sealed. `closing`: nothing was in it when tidying last looked. */
export const folderRecords = records<{ readonly name: string; readonly closing?: true }, [parent: string, child: string]>((parent, child) => `folder/${parent}/${child}`)
export const heldKey = (tokenHash: string, place: LeasePlace): string => `held/${tokenHash}/${place.folder}.${place.suffix}`

/** Those that could not be revoked, so that they are found without a look at all the others. */
export const irrevocablePrefix = 'irrevocable/'
export const irrevocableKey = (place: LeasePlace): string => `${irrevocablePrefix}${place.folder}.${place.suffix}`

/** `auth/a/login/x` lies in the folder `auth/a/login/`; the root folder is ''. */
export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/', path.length - 2) + 1)

/** By the key that they were made with: the leases of a mount lie in few folders, and each login would hash three of them. */
const folderHashes = new WeakMap<KeyObject, GenerationalCache<string>>()
const folderHashesMax = 8_192

export function hashFolder(base: Base, folder: string): string {
  const key = base.barrier.subkey('lease-folder')
  const known = folderHashes.get(key) ?? new GenerationalCache<string>(folderHashesMax)
  folderHashes.set(key, known)
  const found = known.get(folder)
  if (found !== undefined) return found
  const hash = keyedHash(key, folder).slice(0, 40)
  known.set(folder, hash, 1)
  return hash
}

export function placeOf(base: Base, leaseId: string): LeasePlace {
  const folder = leaseId.slice(0, leaseId.lastIndexOf('/') + 1)
  return { folder: hashFolder(base, folder), suffix: leaseId.slice(folder.length) }
}

/** Entries of the time-ordered index: `expiry/<12 hex digits of ms><t|l><reference>`. */
export const expiryPrefix = 'expiry/'
const stamp = (ms: number): string => Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0')
export const tokenExpiryKey = (ms: number, hash: string): string => `${expiryPrefix}${stamp(ms)}t${hash}`
export const leaseExpiryKey = (ms: number, place: LeasePlace): string => `${expiryPrefix}${stamp(ms)}l${place.folder}.${place.suffix}`

export interface ExpiryEntry {
  readonly dueAt: number
  readonly kind: 'token' | 'lease'
  readonly reference: string
}

export const parseExpiryName = (name: string): ExpiryEntry => ({
  dueAt: Number.parseInt(name.slice(0, 12), 16),
  kind: name[12] === 't' ? 'token' : 'lease',
  reference: name.slice(13),
})

export const parseLeaseReference = (reference: string): LeasePlace => ({ folder: reference.slice(0, 40), suffix: reference.slice(41) })
