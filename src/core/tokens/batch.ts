/** Batch tokens: nothing is stored; the token is its own record, sealed under a sub-key of the barrier. */
import { openAead, sealAead } from '../../crypto/aead.ts'
import { encodeJson, parseJson } from '../../kit/json.ts'
import { rootNamespace, type Base } from '../base.ts'
import { batchPrefix } from './ids.ts'
import type { TokenRecord } from './record.ts'

const purpose = Buffer.from('batch-token')

export function sealBatchToken(base: Base, record: TokenRecord): string {
  const text = encodeJson(packed(record))
  return batchPrefix + Buffer.from(sealAead(base.barrier.subkey('batch-token'), Buffer.from(text), purpose)).toString('base64url')
}

/** Null for anything that this server did not seal. */
export function openBatchToken(base: Base, token: string): TokenRecord | null {
  const sealed = Buffer.from(token.slice(batchPrefix.length), 'base64url')
  const opened = openAead(base.barrier.subkey('batch-token'), sealed, purpose)
  if (opened === null) return null
  const content: unknown = parseJson(Buffer.from(opened).toString('utf8'))
  // Up to version 0.1 the whole record was sealed, field by field.
  return Array.isArray(content) ? unpacked(content as unknown as Packed) : (content as TokenRecord)
}

/** What differs from one batch token to another. Every request carries it, so it is a list, and what is the same for all is left out. */
type Packed = readonly [
  path: string, displayName: string, policies: readonly string[], metadata: TokenRecord['metadata'], createdAt: number, ttl: number, explicitMaxTtl: number, period: number,
  parent: string | null, entityId: string, role: string, boundCidrs: readonly string[], mountAccessor: string, internal: TokenRecord['internal'],
]

const packed = (r: TokenRecord): Packed =>
  [r.path, r.displayName, r.policies, r.metadata, r.createdAt, r.ttl, r.explicitMaxTtl, r.period, r.parent, r.entityId, r.role, r.boundCidrs, r.mountAccessor, r.internal]

function unpacked([path, displayName, policies, metadata, createdAt, ttl, explicitMaxTtl, period, parent, entityId, role, boundCidrs, mountAccessor, internal]: Packed): TokenRecord {
  return {
    hash: '', accessor: '', type: 'batch', namespace: rootNamespace, path, displayName, policies, metadata, numUses: 0, usesLeft: 0,
    createdAt, issuedAt: createdAt, lastRenewalAt: 0, expiresAt: ttl === 0 ? 0 : createdAt + ttl * 1000, creationTtl: ttl, ttl, explicitMaxTtl, period, renewable: false,
    parent, entityId, role, boundCidrs, cubbyholeId: '', mountAccessor, internal,
  }
}
