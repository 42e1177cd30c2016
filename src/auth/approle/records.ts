/**
 * What is stored of roles and secret ids. A secret id lies under a hash of it that is keyed with its role's own key: a stolen store opens
 * nothing, and a secret id means nothing to another role. Its key begins with a dot, so that no folder lists it; what is listed are the accessors.
 */
import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { records } from '../../kit/records.ts'
import type { TokenSettings } from '../../kit/token-fields.ts'

export interface Role {
  /** Lower case. */
  readonly name: string
  /** Names what hangs on the role. A role that is made anew under an old name has another, so that no old secret id comes back to life. */
  readonly uid: string
  /** Base64: the key that its secret ids are hashed with. */
  readonly hashKey: string
  readonly roleId: string
  readonly bindSecretId: boolean
  /** Where logins may come from; empty: from anywhere. */
  readonly secretIdBoundCidrs: readonly string[]
  /** 0: any number. */
  readonly secretIdNumUses: number
  /** Seconds; 0: for ever. */
  readonly secretIdTtl: number
  readonly localSecretIds: boolean
  readonly token: TokenSettings
}

export interface SecretId {
  readonly accessor: string
  /** What is left; 0: any number. With the last use the record goes. */
  readonly usesLeft: number
  /** Seconds, as it was asked for. */
  readonly ttl: number
  /** Milliseconds since 1970, as the other times; 0: never. */
  readonly expiresAt: number
  readonly createdAt: number
  readonly updatedAt: number
  readonly metadata: Readonly<Record<string, string>>
  readonly cidrs: readonly string[]
  readonly tokenCidrs: readonly string[]
}

/** From an accessor to its secret id. `role` is the name, so that what a deleted role left behind can be told. */
export interface Accessor {
  readonly role: string
  readonly hash: string
}

export const roles = records<Role, [name: string]>((name) => `role/${name}`)
/** Role ids are hashed only to fit into a key, whatever their length and signs. */
export const roleIds = records<{ readonly role: string }, [roleId: string]>((roleId) => `.role-id/${createHash('sha256').update(roleId).digest('hex')}`)
export const secretIds = records<SecretId, [uid: string, hash: string]>((uid, hash) => `.secret-id/${uid}/${hash}`)
export const accessorsFolder = 'accessor/'
export const accessors = records<Accessor, [uid: string, accessor: string]>((uid, accessor) => `${accessorsFolder}${uid}/${accessor}`)

const keys = new WeakMap<Role, KeyObject>()

/** The name of a secret id of this role in the store. */
export function hashSecretId(role: Role, secretId: string): string {
  const key = keys.get(role) ?? createSecretKey(role.hashKey, 'base64')
  keys.set(role, key)
  return createHmac('sha256', key).update(secretId).digest('hex')
}

export const isExpired = ({ expiresAt }: SecretId, now: number): boolean => expiresAt !== 0 && expiresAt <= now
