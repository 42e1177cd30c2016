/** Makes tokens: the record, its indexes and its lease, as writes of the unit that the request commits. */
import { badRequest } from '../../kit/errors.ts'
import type { Data } from '../../kit/result.ts'
import { opaqueStore, rootNamespace, type Base } from '../base.ts'
import { writeLease } from '../leases/folders.ts'
import { admitLease, isCounted } from '../leases/quotas.ts'
import { tokenExpiryKey } from '../leases/record.ts'
import type { Unit } from '../unit.ts'
import { sealBatchToken } from './batch.ts'
import { newAccessor, newServiceToken, randomId, storedId } from './ids.ts'
import { accessorRecords, childKey, tokenRecords, type TokenRecord } from './record.ts'

export interface NewToken {
  /** A chosen id; the core makes one otherwise. */
  readonly id?: string | undefined
  readonly type: 'service' | 'batch'
  readonly path: string
  readonly displayName: string
  readonly policies: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  readonly numUses?: number
  /** Seconds; 0: never expires, which only root tokens may. */
  readonly ttl: number
  readonly explicitMaxTtl?: number
  readonly period?: number
  readonly renewable: boolean
  readonly parent: string | null
  readonly entityId?: string
  readonly role?: string
  /** Of the auth method that it logged in with, for quotas. */
  readonly loginRole?: string
  readonly boundCidrs?: readonly string[]
  readonly mountAccessor?: string
  readonly internal?: Data
  readonly wrapping?: NonNullable<TokenRecord['wrapping']>
}

export interface MadeToken {
  /** The token itself: shown once, to whoever asked for it. */
  readonly id: string
  readonly record: TokenRecord
}

export const hashToken = (base: Base, id: string): string => storedId(base.barrier.subkey('token'), id)
export const hashAccessor = (base: Base, accessor: string): string => storedId(base.barrier.subkey('accessor'), accessor)

/** Folds, sorts and deduplicates policy names, and adds `default` unless told not to. */
export function cleanPolicies(names: readonly string[], addDefault: boolean): string[] {
  const folded = new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))
  if (folded.has('root')) return ['root'] // It allows everything; beside it the others mean nothing.
  if (addDefault) folded.add('default')
  return [...folded].sort()
}

function recordOf(base: Base, spec: NewToken, hash: string): TokenRecord {
  const now = base.host.now()
  return {
    hash,
    accessor: spec.type === 'batch' ? '' : newAccessor(base.host),
    type: spec.type,
    namespace: rootNamespace,
    path: spec.path,
    displayName: spec.displayName,
    policies: spec.policies,
    metadata: spec.metadata,
    numUses: spec.numUses ?? 0,
    usesLeft: spec.numUses ?? 0,
    createdAt: now,
    issuedAt: now,
    lastRenewalAt: 0,
    expiresAt: spec.ttl === 0 ? 0 : now + spec.ttl * 1000,
    creationTtl: spec.ttl,
    ttl: spec.ttl,
    explicitMaxTtl: spec.explicitMaxTtl ?? 0,
    period: spec.period ?? 0,
    renewable: spec.renewable && spec.ttl > 0 && spec.type === 'service',
    parent: spec.parent,
    entityId: spec.entityId ?? '',
    role: spec.role ?? '',
    boundCidrs: spec.boundCidrs ?? [],
    cubbyholeId: spec.type === 'batch' ? '' : randomId(base.host),
    mountAccessor: spec.mountAccessor ?? '',
    internal: spec.internal ?? {},
    ...(spec.wrapping === undefined ? {} : { wrapping: spec.wrapping }),
  }
}

function createBatchToken(base: Base, spec: NewToken): MadeToken {
  const record = recordOf(base, spec, '')
  return { id: sealBatchToken(base, record), record }
}

/** Adds a token to the unit. A batch token writes nothing: it carries its own record, sealed. */
export async function createToken(base: Base, unit: Unit, spec: NewToken): Promise<MadeToken> {
  if (spec.type === 'batch') return createBatchToken(base, spec)
  const id = spec.id ?? newServiceToken(base.host)
  const record = recordOf(base, spec, hashToken(base, id))
  const opaque = unit.on(opaqueStore(base))
  // Also the expectation that nobody makes the same token meanwhile.
  if (spec.id !== undefined && (await tokenRecords.read(opaque, record.hash)) !== null) throw badRequest('cannot create a token with a duplicate ID')
  tokenRecords.write(opaque, record, record.hash)
  accessorRecords.write(opaque, { hash: record.hash, accessor: record.accessor }, hashAccessor(base, record.accessor))
  if (record.parent !== null) opaque.put(childKey(record.parent, record.hash), empty)
  if (record.expiresAt > 0) opaque.put(tokenExpiryKey(record.expiresAt, record.hash), empty)
  const counted = isCounted(record) ? await admitLease(opaque, record.path, spec.loginRole) : {}
  await writeLease(base, opaque, { id: leaseIdOf(record), tokenHash: record.hash, secret: null, ...counted })
  return { id, record }
}

const empty = new Uint8Array(0)

/** The lease of a token: visible in `sys/leases`, where revoking it revokes the token. */
export const leaseIdOf = (record: TokenRecord): string => `${record.path}/h${record.hash}`
