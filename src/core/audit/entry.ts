/**
 * What is recorded of a request. The names are those of Vault's audit lines, because programs parse these lines; what Vault lacks
 * stands in fields of its own (`why`, and `chain`, which the writer adds).
 */
import type { Holed } from './leaves.ts'

/** Who was given a token, or who used one. Freeze it if it is kept with the token: its rendered form is then remembered per device. */
export interface AuditAuth {
  /** Only where it is not the token that the request came with (logins, tokens made): otherwise that one is taken. */
  readonly client_token?: string
  readonly accessor?: string
  readonly display_name?: string
  readonly policies?: readonly string[]
  readonly token_policies?: readonly string[] | undefined
  readonly identity_policies?: readonly string[]
  readonly external_namespace_policies?: Readonly<Record<string, readonly string[]>>
  readonly no_default_policy?: boolean
  readonly metadata?: Readonly<Record<string, string>> | null
  /** How often the token may be used, on tokens that were just made. */
  readonly num_uses?: number
  readonly entity_id?: string
  readonly entity_created?: boolean
  readonly token_type?: string
  /** Seconds. */
  readonly token_ttl?: number
  /** RFC 3339. */
  readonly token_issue_time?: string
}

export interface GrantingPolicy {
  readonly name?: string
  readonly namespace_id?: string
  readonly namespace_path?: string
  readonly type: string
}

/** What the policies said: `auth.policy_results` of the line. */
export interface AuditVerdict {
  readonly allowed: boolean
  readonly granting_policies?: readonly GrantingPolicy[]
}

/** The rule that decided, in plain words: names of policies and rules only, never a value that a client sent. */
export type AuditReason = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** The mount that serves the request. Freeze it and keep it with the mount. */
export interface AuditMount {
  readonly mount_point: string
  readonly mount_type: string
  readonly mount_accessor: string
  readonly mount_running_version?: string
  readonly mount_running_sha256?: string
  /** `secret` or `auth`. */
  readonly mount_class?: string
  readonly mount_is_external_plugin?: boolean
  /** From the mount's tuning: keys whose texts stay plain (`audit_non_hmac_request_keys`). */
  readonly non_hmac_request_keys?: readonly string[]
  readonly non_hmac_response_keys?: readonly string[]
}

/** Complete when it is passed, and not changed afterwards but for `rendered`: the same object serves the request line and the response line. */
export interface AuditRequest {
  readonly id: string
  readonly client_id?: string | undefined
  /** `read`, `list`, `scan`, `create`, `update`, `patch`, `delete`, `help`, `renew`, `revoke`. */
  readonly operation: string
  /** The token that the request came with. */
  readonly client_token?: string | undefined
  readonly client_token_accessor?: string | undefined
  /** `path` is '' for the root namespace, else `a/b/`. */
  readonly namespace?: { readonly id: string; readonly path: string } | undefined
  /** Canonical, with the mount, without `v1/`. */
  readonly path: string
  /** Fields as they were parsed. A raw body is a `Uint8Array` in here and never written plain. */
  readonly data?: unknown
  readonly policy_override?: boolean | undefined
  readonly remote_address?: string | undefined
  readonly remote_port?: number | undefined
  /** Seconds. */
  readonly wrap_ttl?: number | undefined
  /** All of them, names in lower case: each device writes only those that it was told to. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined
  readonly replication_cluster?: string | undefined
  /** Decimal. */
  readonly client_certificate_serial_number?: string | undefined
  /** Where devices keep their form of it for the second line; without it, nothing is kept. In a WeakMap each request would cost the garbage collector ten microseconds. */
  readonly rendered?: Map<object, RenderedRequest> | undefined
}

/** The fields of a request, as one device shows them for this mount. */
export interface RenderedRequest {
  readonly mount: AuditMount | undefined
  readonly json: string | Holed
}

export interface AuditWrapInfo {
  readonly ttl?: number
  readonly token?: string
  readonly accessor?: string
  /** RFC 3339. */
  readonly creation_time?: string
  readonly creation_path?: string
  readonly wrapped_accessor?: string
}

export interface AuditResponse {
  readonly auth?: AuditAuth | undefined
  readonly lease_id?: string | undefined
  /** What leaves, before it is wrapped. A raw body is a `Uint8Array` in here. Frozen data is remembered in its rendered form. */
  readonly data?: unknown
  readonly warnings?: readonly string[] | undefined
  readonly redirect?: string | undefined
  readonly wrap_info?: AuditWrapInfo | undefined
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined
}

export interface AuditEntry {
  readonly type: 'request' | 'response'
  /** Milliseconds since 1970. */
  readonly time: number
  readonly auth?: AuditAuth | undefined
  /** Uses left of a token with limited uses. */
  readonly remaining_uses?: number | undefined
  readonly verdict?: AuditVerdict | undefined
  readonly why?: AuditReason | undefined
  /** Root or `sudo` was needed: no filter may lose such an entry. */
  readonly privileged?: boolean | undefined
  readonly mount?: AuditMount | undefined
  readonly request: AuditRequest
  readonly response?: AuditResponse | undefined
  /** Text of the error as the caller sees it; by contract without values of fields. */
  readonly error?: string | undefined
  readonly forwarded_from?: string | undefined
}

/** Which request headers are written (`sys/config/auditing/request-headers`): lower-case name to whether its values are hashed. */
export type AuditHeaders = ReadonlyMap<string, { readonly hmac: boolean }>
