/** What is asked of the access rules, and what they answer. */
import type { JsonObject } from '../../kit/json.ts'
import type { Capability } from './capabilities.ts'
import type { KeysFilter } from './keys-filter.ts'
import type { ParameterRefusal } from './parameters.ts'

export interface Question {
  /** Canonical, with its namespace, without a leading '/'. Of listings with or without a '/' at the end. */
  readonly path: string
  readonly capability: Capability
  /** Whether the operation needs `sudo` besides. */
  readonly sudo: boolean
  /** The fields of the request: of its body, or of the query of a read or listing. */
  readonly data: JsonObject | null
  /** Seconds for which the answer is to be wrapped; null or 0: not at all. */
  readonly wrapTtl: number | null
  readonly nowMs: number
  /** Names of the second factors that this request has passed. */
  readonly mfaPassed?: readonly string[]
  /** For `subscribe`: the kind of event. */
  readonly eventType?: string
}

/** Why a capability that is granted does not suffice. */
export type ConditionCode =
  | 'wrapping_required'
  | 'wrapping_too_short'
  | 'wrapping_too_long'
  | 'mfa_required'
  | 'event_type_not_allowed'
  | 'limit_required'
  | 'limit_invalid'
  | 'limit_exceeded'
  | ParameterRefusal['code']
/** Stable: for logs, tests and tools. */
export type VerdictCode =
  'root' | 'allowed' | 'no_rule' | 'denied' | 'capability_missing' | 'sudo_missing' | 'not_canonical' | ConditionCode

export interface Verdict {
  readonly allowed: boolean
  readonly isRoot: boolean
  readonly code: VerdictCode
  /** For people: `capability "update" missing in rule "secret/*" of policy "app"`. Names of fields, never values. */
  readonly reason: string
  /** The rule that decided, with the policies that grant what was asked, or else all that have it. Null for root and where no rule fits. */
  readonly rule: { readonly policies: readonly string[]; readonly pattern: string; readonly capabilities: readonly string[] } | null
  /** Listings: what the request's `limit` must be replaced by, null when it stays. */
  readonly pageLimit: number | null
  /** Listings: decides which keys are shown, see `visibleKeys`. */
  readonly keysFilter: KeysFilter | null
}
