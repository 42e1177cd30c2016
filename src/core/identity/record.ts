/**
 * What is stored of entities, which stand for the same person or program at several auth methods, and of aliases, which are their names there.
 * One record for each, and small ones that lead to it: never a table.
 */
import { records } from '../../kit/records.ts'
import type { Base } from '../base.ts'
import { keyedHash } from '../tokens/ids.ts'

export interface EntityRecord {
  readonly id: string
  /** Unique, whatever the case. */
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  /** Lower case, sorted; never `root`. */
  readonly policies: readonly string[]
  readonly disabled: boolean
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
  /** At most one for each auth mount. */
  readonly aliases: readonly AliasRecord[]
  /** Entities that were merged into this one. Their tokens are this one's. */
  readonly mergedIds: readonly string[]
}

export interface AliasRecord {
  readonly id: string
  readonly mountAccessor: string
  /** As it was given. */
  readonly name: string
  /** From the auth method, at the last login. */
  readonly metadata: Readonly<Record<string, string>>
  /** From whoever administers identities. */
  readonly customMetadata: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly updatedAt: number
  readonly mergedFromIds: readonly string[]
}

/** In the opaque store: by id. */
export const entityRecords = records<EntityRecord, [id: string]>((id) => `entity/${id}`)
/** From an alias (auth mount and name, hashed) to its entity: all that a login needs. */
export const aliasOwners = records<{ readonly entityId: string }, [hash: string]>((hash) => `alias/${hash}`)
/** From the id of an alias to its entity. */
export const aliasIds = records<{ readonly entityId: string }, [id: string]>((id) => `alias-id/${id}`)
/** From an entity that was merged to the one that is left. */
export const mergedEntities = records<{ readonly into: string }, [id: string]>((id) => `entity-merged/${id}`)

export const entityNamesFolder = 'identity/entity-name/'
/** In the named store: from the name in lower case to the entity, in the order in which names are listed. */
export const entityNames = records<{ readonly id: string; readonly name: string }, [name: string]>(
  (name) => `${entityNamesFolder}${name.toLowerCase().replaceAll('%', '%25').replaceAll('/', '%2F')}`,
)

/** `name` as its auth method gives it: whether the case counts there is for the method to say. */
export const aliasHash = (base: Base, mountAccessor: string, name: string): string =>
  keyedHash(base.barrier.subkey('alias'), `${mountAccessor}\n${name}`)
