/** What is stored of a token, and under which keys. The token itself is never stored: a stolen store opens nothing. */
import { records } from '../../kit/records.ts'
import type { Data } from '../../kit/result.ts'

export interface TokenRecord {
  /** Keyed hash of the token; also the last part of its key. */
  readonly hash: string
  readonly accessor: string
  readonly type: 'service' | 'batch'
  readonly namespace: string
  /** Where it was made: `auth/token/create`, `auth/userpass/login/ann`. */
  readonly path: string
  readonly displayName: string
  /** Sorted, lower case. */
  readonly policies: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  /** As given at creation; 0: any number. */
  readonly numUses: number
  /** What is left of them; meaningless when `numUses` is 0. 0: used up, being revoked. */
  readonly usesLeft: number
  /** Milliseconds since 1970, as all the times here. */
  readonly createdAt: number
  readonly issuedAt: number
  readonly lastRenewalAt: number
  /** 0: never. */
  readonly expiresAt: number
  /** Seconds: what it was given at first, and what a renewal without increment repeats. */
  readonly creationTtl: number
  readonly ttl: number
  readonly explicitMaxTtl: number
  readonly period: number
  readonly renewable: boolean
  /** Hash of the token that made it; null for an orphan. */
  readonly parent: string | null
  readonly entityId: string
  readonly role: string
  readonly boundCidrs: readonly string[]
  /** Names its cubbyhole. */
  readonly cubbyholeId: string
  /** The auth mount that gave it, for renewal and lookup. */
  readonly mountAccessor: string
  /** What that auth method keeps for renewal. */
  readonly internal: Data
  /** Wrapping tokens: where and when the wrapped answer was made, and for how long. */
  readonly wrapping?: { readonly path: string; readonly ttl: number; readonly accessor?: string }
}

export const tokenRecords = records<TokenRecord, [hash: string]>((hash) => `token/${hash}`)
/** From an accessor (hashed: the accessor is a capability) to the token's hash. */
export const accessorRecords = records<{ readonly hash: string; readonly accessor: string }, [accessorHash: string]>((hash) => `accessor/${hash}`)
export const childKey = (parent: string, child: string): string => `child/${parent}/${child}`
