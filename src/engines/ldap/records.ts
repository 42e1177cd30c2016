/** What a mount keeps: its configuration, static and dynamic roles, libraries, their accounts, and who looks after which account. */
import { records } from '../../kit/records.ts'
import type { Rotation, Schedule, Successor } from '../../kit/rotation/record.ts'
import type { Settings } from './settings.ts'

/** Without a password: it is not known, of an account that was taken over as it was. */
export interface Secret {
  readonly password?: string
}

export interface Config {
  /** As they are shown. */
  readonly settings: Settings
  readonly bindpass: string
  /** PEM; '': none. */
  readonly clientCertificate: string
  readonly clientKey: string
  readonly passwordPolicy: string
  /** Of passwords; 0: the default. */
  readonly length: number
  readonly schedule: Schedule | null
  readonly rotation: Rotation
  readonly successor: Successor<Secret> | null
}

export interface StaticRole {
  readonly username: string
  /** '': it is looked for by its name. */
  readonly dn: string
  readonly schedule: Schedule
  readonly secret: Secret
  readonly lastPassword: string
  readonly rotation: Rotation
  readonly successor: Successor<Secret> | null
}

export interface Role {
  readonly creation: string
  readonly deletion: string
  readonly rollback: string
  /** '': the one that Vault has. */
  readonly usernameTemplate: string
  /** Seconds; 0: as the mount has it. */
  readonly defaultTtl: number
  readonly maxTtl: number
}

export interface Library {
  readonly accounts: readonly string[]
  /** Seconds; 0: as the mount has it. */
  readonly ttl: number
  readonly maxTtl: number
  readonly disableEnforcement: boolean
}

/** An account of a library. It can be checked out when nobody has it and its password is known to nobody. */
export interface Account {
  readonly library: string
  readonly secret: Secret
  readonly borrower: Borrower | null
  /** Whoever had it may know the password, which is about to be changed. */
  readonly isReturning: boolean
  readonly rotation: Rotation
  readonly successor: Successor<Secret> | null
}

export interface Borrower {
  /** Of this check-out: a lease of an older one does not end it. */
  readonly id: string
  readonly entityId: string
  /** The accessor of the token; '' for batch tokens. */
  readonly accessor: string
}

export const configs = records<Config, []>(() => 'config')
export const staticRoles = records<StaticRole, [name: string]>((name) => `static-role/${name}`)
export const roles = records<Role, [name: string]>((name) => `role/${name}`)
export const libraries = records<Library, [name: string]>((name) => `library/${name}`)
const folded = (username: string): string => encodeURIComponent(username.toLowerCase())
export const accounts = records<Account, [username: string]>((username) => `account/${folded(username)}`)
/** By whom an account is looked after: no two may. */
export const managed = records<{ readonly by: string }, [username: string]>((username) => `managed/${folded(username)}`)
