/** What a mount keeps: connections, roles, static roles, and when which of them rotates next. */
import { records } from '../../kit/records.ts'
import type { JsonObject } from '../../kit/json.ts'
import type { Transaction } from '../../kit/store.ts'
import type { CredentialType } from './driver.ts'

export interface Rotation {
  /** Milliseconds since 1970; 0: never. */
  readonly lastAt: number
  /** When it is due by itself; 0: only when asked for. */
  readonly nextAt: number
  /** Why the last attempt failed; '' when it did not. */
  readonly failure: string
  readonly failures: number
}

/** When something rotates: every so many seconds, or as a cron text says, then within so many seconds. */
export interface Schedule {
  readonly periodSeconds: number
  readonly cron: string
  readonly windowSeconds: number
}

/** A secret that is about to take the place of another one. Both are kept until one of them has proven to be the right one. */
export interface Successor {
  readonly secret: Secret
  /** Milliseconds since 1970: until then whoever meant it may still be at it. */
  readonly until: number
}

export interface Secret {
  readonly password?: string
  /** PEM. */
  readonly privateKey?: string
  readonly publicKey?: string
}

export interface Connection {
  readonly plugin: string
  readonly version: string
  readonly allowedRoles: readonly string[]
  readonly passwordPolicy: string
  readonly rotationStatements: readonly string[]
  /** As they were given; the password is in here. */
  readonly details: JsonObject
  /** Another one with each change: connections that were opened for an older one are not used any more. */
  readonly revision: string
  readonly schedule: Schedule | null
  readonly rotation: Rotation
  readonly successor: Successor | null
}

/** How credentials are made, by the names that clients have for it. The key of an authority may be in here. */
export type CredentialConfig = Readonly<Record<string, string | number>>

export interface Role {
  readonly database: string
  readonly credentialType: CredentialType
  readonly credentialConfig: CredentialConfig
  readonly creation: readonly string[]
  readonly revocation: readonly string[]
  readonly rollback: readonly string[]
  readonly renewal: readonly string[]
  /** Seconds; 0: as the mount has it. */
  readonly defaultTtl: number
  readonly maxTtl: number
}

export interface StaticRole {
  readonly database: string
  readonly username: string
  readonly credentialType: CredentialType
  readonly credentialConfig: CredentialConfig
  readonly statements: readonly string[]
  readonly schedule: Schedule
  /** Empty until the first rotation of an account that was taken over as it was. */
  readonly secret: Secret
  readonly rotation: Rotation
  readonly successor: Successor | null
}

export const connections = records<Connection, [name: string]>((name) => `config/${name}`)
export const roles = records<Role, [name: string]>((name) => `role/${name}`)
export const staticRoles = records<StaticRole, [name: string]>((name) => `static-role/${name}`)

export type RotatingKind = 'root' | 'static'

const mark = new Uint8Array([1])
export const schedulePrefix = 'schedule/'
const stamp = (ms: number): string => Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0')
const scheduleKey = (at: number, kind: RotatingKind, name: string): string => `${schedulePrefix}${stamp(at)}.${kind}.${name}`

/** Moves the entry of something in the index of what is due. 0: it has none. */
export function reschedule(store: Transaction, kind: RotatingKind, name: string, before: number, after: number): void {
  if (before > 0 && before !== after) store.delete(scheduleKey(before, kind, name))
  if (after > 0) store.put(scheduleKey(after, kind, name), mark)
}

export function parseScheduleName(entry: string): { readonly at: number; readonly kind: RotatingKind; readonly name: string } {
  const [time = '', kind = '', ...name] = entry.split('.')
  return { at: Number.parseInt(time, 16), kind: kind === 'root' ? 'root' : 'static', name: name.join('.') }
}
