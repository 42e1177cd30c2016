/** What an operation may answer. A plain object is data for the usual envelope, `null` is "nothing": 404 for reads and lists, 204 for the rest. */
import type { JsonText } from './json.ts'

/** Values of an answer. Texts, numbers, lists and objects as JSON knows them; `JsonText` is JSON that is already written out. */
export type Data = Readonly<Record<string, unknown>>

/** The caller has proven who it is; the core makes the token. `alias` names the caller inside the auth mount, for its entity. */
export interface Login {
  readonly alias: { readonly name: string; readonly metadata?: Readonly<Record<string, string>> } | null
  readonly displayName: string
  readonly policies: readonly string[]
  readonly noDefaultPolicy?: boolean
  /** Shown to the client and kept with the token. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Kept with the token for the auth method's own `renew`, never shown. */
  readonly internal?: Data | undefined
  readonly ttlSeconds?: number
  readonly maxTtlSeconds?: number
  readonly explicitMaxTtlSeconds?: number
  readonly periodSeconds?: number
  readonly numUses?: number
  readonly tokenType?: TokenTypeSetting
  readonly boundCidrs?: readonly string[]
  readonly renewable?: boolean
}

/** How roles and mounts name token types; `default*` may be overridden by the other of the two. */
export type TokenTypeSetting = 'default' | 'service' | 'batch' | 'default-service' | 'default-batch'

/** A secret that expires: the core writes the lease in the same commit and revokes it through the engine's lease `kind`. */
export interface LeaseTerms {
  readonly kind: string
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly renewable: boolean
  /** What `renew` and `revoke` need later; never shown. */
  readonly internal: Data
}

interface ReplyFields {
  readonly data?: Data | null
  /** Instead of the usual 200, 204 or 404. */
  readonly status?: number
  readonly warnings?: readonly string[]
  readonly login?: Login
  /** A token that is there already, as renewal shows it. */
  readonly auth?: Data
  /** Something that was wrapped here, as rewrapping shows it. */
  readonly wrapInfo?: Data
  readonly lease?: LeaseTerms
  /** What the token of a wrapped answer tells of its content: the accessor of what was made, by which it can be revoked unseen. */
  readonly wrappedAccessor?: string
  /** What the envelope says of a lease where there is none: KV version 1 shows a duration, renewal a lease that exists. */
  readonly shownLease?: { readonly seconds: number; readonly id?: string; readonly renewable?: boolean }
  /** An empty list of warnings instead of `null`. */
  readonly emptyWarnings?: boolean
  /** Keys of `data` are repeated beside it, as old clients expect of some sys endpoints. */
  readonly repeatedAtTop?: boolean
  /** What the audit log says was answered, where that is not `data`. */
  readonly auditData?: Data
  /** Answered as it stands, without the envelope: lifecycle endpoints, certificates, metrics. */
  readonly raw?: { readonly contentType: string; readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>; readonly headers?: readonly (readonly [string, string])[] }
}

/** An answer that needs more than data. A class only so that it cannot be mistaken for data. */
export class Reply {
  readonly fields: ReplyFields
  constructor(fields: ReplyFields) {
    this.fields = fields
  }
}

export type Result = null | Data | Reply

export const reply = (fields: ReplyFields): Reply => new Reply(fields)
/** A list; `null` (404) when there is nothing in it. */
export const listed = (keys: readonly string[], keyInfo?: Readonly<Record<string, unknown>>): Result =>
  keys.length === 0 ? null : keyInfo === undefined ? { keys } : { keys, key_info: keyInfo }
/** JSON without the envelope, for the endpoints that answer before anybody is known. */
export const plainJson = (value: object, status = 200): Reply =>
  new Reply({ status, raw: { contentType: 'application/json', body: JSON.stringify(value) } })
/** Data under one name that was written out as JSON before. */
export type Written = JsonText
