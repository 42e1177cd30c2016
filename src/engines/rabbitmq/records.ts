/** What a mount keeps: the connection, how long users live, and roles. */
import { records } from '../../kit/records.ts'

export interface Connection {
  readonly uri: string
  readonly username: string
  readonly password: string
  readonly passwordPolicy: string
  /** '': the one that Vault has. */
  readonly usernameTemplate: string
  /** PEM; '': the authorities that Node knows. */
  readonly ca: string
}

/** Seconds; 0: as the mount has it. */
export interface Terms {
  readonly ttl: number
  readonly maxTtl: number
}

/** Regular expressions, as RabbitMQ has them; '' allows nothing. */
export interface Permission {
  readonly configure: string
  readonly write: string
  readonly read: string
}
export type TopicPermission = Pick<Permission, 'write' | 'read'>

export interface Role {
  /** Separated by commas. */
  readonly tags: string
  readonly vhosts: Readonly<Record<string, Permission>>
  /** By virtual host, then by exchange. */
  readonly topics: Readonly<Record<string, Readonly<Record<string, TopicPermission>>>>
}

export const connection = records<Connection, []>(() => 'config/connection')
export const terms = records<Terms, []>(() => 'config/lease')
export const roles = records<Role, [name: string]>((name) => `role/${name}`)
