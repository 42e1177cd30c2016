/** What the ACME server keeps. */
import { records } from '../../../kit/records.ts'
import type { JsonObject } from '../../../kit/json.ts'

export interface Account {
  readonly id: string
  readonly status: 'valid' | 'deactivated' | 'revoked'
  readonly contact: readonly string[]
  readonly termsAgreed: boolean
  readonly jwk: JsonObject
  readonly thumbprint: string
  /** `acme/`, `roles/web/acme/`: what the account was made for. */
  readonly directory: string
  readonly eabId: string | null
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number
  /** Of its last order, or when it was revoked. */
  readonly touchedAt: number
}

export interface Identifier {
  readonly type: 'dns' | 'ip'
  readonly value: string
}

export interface Order {
  readonly id: string
  readonly accountId: string
  /** `open` until it has a certificate; what clients see follows from its authorizations. */
  readonly status: 'open' | 'valid' | 'invalid'
  readonly identifiers: readonly Identifier[]
  readonly authorizations: readonly string[]
  readonly notBefore: string
  readonly notAfter: string
  readonly expiresAt: number
  /** `aa:bb:…` or ''. */
  readonly serial: string
  readonly issuerId: string
  /** End of the certificate; 0 without one. */
  readonly endsAt: number
}

export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01'

export interface Challenge {
  readonly type: ChallengeType
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid'
  readonly validatedAt: number | null
  readonly error: { readonly type: string; readonly detail: string } | null
}

export interface Authorization {
  readonly id: string
  readonly accountId: string
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated'
  readonly identifier: Identifier
  readonly isWildcard: boolean
  readonly token: string
  readonly expiresAt: number
  readonly challenges: readonly Challenge[]
}

/** A validation that is under way. */
export interface Pending {
  readonly authorization: string
  readonly type: ChallengeType
  readonly attempts: number
  /** When somebody else may take it over. */
  readonly nextAt: number
}

export interface Eab {
  readonly id: string
  readonly key: string
  readonly directory: string
  readonly createdAt: number
}

export const accountsFolder = 'acme-accounts/'
export const accounts = records<Account, [id: string]>((id) => `${accountsFolder}${id}`)
/** Thumbprint to id. */
export const accountsByKey = records<{ readonly id: string }, [directory: string, thumbprint: string]>((directory, thumbprint) => `.acme/account/${directory}${thumbprint}`)
export const ordersFolder = (accountId: string): string => `acme-orders/${accountId}/`
export const orders = records<Order, [accountId: string, id: string]>((accountId, id) => `${ordersFolder(accountId)}${id}`)
export const authorizations = records<Authorization, [id: string]>((id) => `.acme/authorization/${id}`)
export const pendingFolder = 'acme-pending/'
export const pendings = records<Pending, [id: string]>((id) => `${pendingFolder}${id}`)
export const eabFolder = 'acme-eab/'
export const eabs = records<Eab, [id: string]>((id) => `${eabFolder}${id}`)
/** Which account a certificate was made for. */
export const owners = records<{ readonly accountId: string }, [serial: string]>((serial) => `.acme/certificate/${serial}`)
