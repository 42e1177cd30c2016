/** What a mount keeps: connections, roles, static roles, and when which of them rotates next. */
import { records } from '../../kit/records.ts'
import type { JsonObject } from '../../kit/json.ts'
import type { Rotation, Schedule, Successor } from '../../kit/rotation/record.ts'
import { flagDetail } from './details.ts'
import type { CredentialType } from './driver.ts'

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
  readonly successor: Successor<Secret> | null
}

/** How credentials are made, by the names that clients have for it. The key of an authority may be in here. */
export type CredentialConfig = Readonly<Record<string, string | number>>

/** Nobody is logged in for others: each account of a static role changes its own password. */
export const isSelfManaged = ({ details }: Pick<Connection, 'details'>): boolean => flagDetail(details, 'self_managed')

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
  readonly successor: Successor<Secret> | null
}

export const connections = records<Connection, [name: string]>((name) => `config/${name}`)
export const roles = records<Role, [name: string]>((name) => `role/${name}`)
export const staticRoles = records<StaticRole, [name: string]>((name) => `static-role/${name}`)
