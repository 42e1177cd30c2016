/**
 * Operations: one definition drives routing, types, validation, the required capability, path help, OpenAPI, documentation, command
 * help and audit. Everything else about an endpoint is derived from what stands here.
 */
import type { Fields, ValuesOf } from './fields.ts'
import type { JsonObject } from './json.ts'
import type { ManagedKeys } from './managed-key.ts'
import type { Outside } from './outside.ts'
import type { Result } from './result.ts'
import type { Store, Transaction } from './store.ts'

export type Verb = 'read' | 'list' | 'scan' | 'write' | 'patch' | 'delete'

/** What an engine may know of the mount that it serves. */
export interface MountView {
  /** Where it is mounted inside its namespace, with a trailing '/': `secret/`, `auth/userpass/`. */
  readonly path: string
  readonly type: string
  readonly accessor: string
  readonly uuid: string
  readonly namespace: string
  readonly options: Readonly<Record<string, string>>
  /** In effect: the mount's own, or else the system's. Seconds. */
  readonly defaultLeaseSeconds: number
  readonly maxLeaseSeconds: number
}

/** What an engine may know of the caller. Public operations may have none. */
export interface CallerView {
  /** Stands for the token where something belongs to it, as the cubbyhole does; `null` for batch tokens. */
  readonly cubbyholeId: string | null
  readonly accessor: string
  readonly displayName: string
  readonly entityId: string
  readonly policies: readonly string[]
  readonly isRoot: boolean
}

export interface Call<P, I> {
  readonly params: P
  readonly input: I
  /** The request's object as it came, for engines that keep whatever they are given. `null`: there was no body. */
  readonly body: JsonObject | null
  /** The body of a write whose type is binary (OCSP requests, CSRs in DER); null otherwise. */
  readonly rawBody: Uint8Array | null
  /** The mount's own storage: see `Transaction`. */
  readonly store: Transaction
  readonly mount: MountView
  readonly caller: CallerView | null
  readonly remoteAddress: string
  /** DER of the certificate that the client showed, or null. */
  readonly clientCertificate: () => Uint8Array | null
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Milliseconds since 1970, the same during the whole request. */
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
  /**
   * The text with each `{{identity.…}}` replaced by what is known of the caller; null when something in it is unknown, or is empty, or is
   * a value that `mayStand` refuses: values may have been chosen by the caller. Throws `bad_request` when the braces do not pair up.
   */
  readonly fillTemplate: (text: string, mayStand: (value: string, selector: string) => boolean) => string | null
  /** A password by one of the policies of `sys/policies/password`. Throws `bad_request` when there is none of this name. */
  readonly makePassword: (policy: string) => Promise<string>
  readonly managedKeys: ManagedKeys
  /** Adds a warning to the answer. */
  readonly warn: (text: string) => void
  /**
   * Runs after the request's commit was acknowledged and before the answer is sent. For caches and follow-up work, not for state; `store` is
   * the mount's own.
   */
  readonly afterCommit: (work: (store: Store) => void | Promise<void>) => void
}

export type Access = 'policy' | 'sudo' | 'public'

/**
 * How a request that brings no token may prove who sends it, in protocols whose clients have none (EST). `login`: with what it carries, at another auth
 * method; policies then judge the token that comes of it, which ends with the request. `itself`: what it carries is proof enough, as if the operation were public.
 */
export type Admission =
  | { readonly by: 'itself' }
  | { readonly by: 'login'; readonly accessor: string; /** Inside the auth method. */ readonly path: string; readonly data: JsonObject }

/** Of the header `Authorization` (RFC 7617). */
export interface BasicCredentials {
  readonly username: string
  readonly password: string
}

interface Spec<P, I extends Fields, C> {
  readonly summary: string
  readonly description?: string
  readonly input?: I
  /** Fields of the answer's data, for documentation and OpenAPI. */
  readonly output?: Fields
  /** Who may call: anyone whose policies allow it (the default), that and `sudo`, or anybody without a token. */
  readonly access?: Access
  /** Answered while sealed or not initialised, outside the audited path; such operations see no store. */
  readonly lifecycle?: boolean
  /** Fields beyond `input` are data of the caller's, not mistakes. */
  readonly arbitraryInput?: boolean
  /** Decides between the capabilities `create` and `update`; without it a write is an update. */
  readonly exists?: (call: C & Call<P, ValuesOf<I>>) => Promise<boolean>
  /** Asked where no token came: see `Admission`. Null: nothing that counts; the answer is then a 401 that asks for HTTP Basic authentication. */
  readonly admit?: (call: C & Call<P, ValuesOf<I>>, basic: BasicCredentials | null) => Promise<Admission | null>
  /** The user that a failed login is counted against, or null. Marks an operation as a login. */
  readonly lockoutName?: (call: C & Call<P, ValuesOf<I>>) => string | null
  /** The role that a login is for, or null: for quotas of roles. May be asked before the login, whose input is not proven then. */
  readonly loginRole?: (call: C & Call<P, ValuesOf<I>>) => Promise<string | null>
  readonly deprecated?: string
  /** Reads that are answered to HEAD as well: the status of that answer. */
  readonly headStatus?: number
  /** A write that is served as a read as well (`GET` with fields in the query), or the other way round. */
  readonly handle: (call: C & Call<P, ValuesOf<I>>) => Promise<Result | Outside> | Result | Outside
}

/** A definition with its types erased, as the request path uses it. */
export interface Operation {
  readonly verb: Verb
  /** `keys/{name}`; `{path*}` takes one or more whole segments, also in the middle. */
  readonly path: string
  readonly params: Fields
  /** Those parameters of which several spellings name the same thing. */
  readonly foldedParams: readonly string[]
  readonly summary: string
  readonly description: string
  readonly input: Fields
  readonly output: Fields | null
  readonly access: Access
  readonly lifecycle: boolean
  readonly arbitraryInput: boolean
  readonly deprecated: string | null
  readonly headStatus: number | null
  readonly exists: ((call: AnyCall) => Promise<boolean>) | null
  readonly admit: ((call: AnyCall, basic: BasicCredentials | null) => Promise<Admission | null>) | null
  readonly lockoutName: ((call: AnyCall) => string | null) | null
  readonly loginRole: ((call: AnyCall) => Promise<string | null>) | null
  readonly handle: (call: AnyCall) => Promise<Result | Outside> | Result | Outside
}

export type AnyCall = Call<never, never>

type ParamNames<Path extends string> =
  Path extends `${string}{${infer Name}}${infer Rest}` ? (Name extends `${infer Bare}*` ? Bare : Name) | ParamNames<Rest> : never
type ParamFields<T extends string> = { readonly [K in ParamNames<T>]: Fields[string] }
type Define<P, C> = <const I extends Fields = Record<never, never>>(spec: Spec<P, I, C>) => Operation
type Verbs<P, C> = { readonly [V in Verb]: Define<P, C> }

/** A `path` for operations whose handlers are given more than a plain `Call`: `C` is what the request path adds. */
export const pathsWith = <C>() =>
  <const T extends string, const F extends ParamFields<T>>(
    template: T,
    ...[params]: ParamNames<T> extends never ? [] : [params: F & { [K in Exclude<keyof F, ParamNames<T>>]: never }]
  ): Verbs<ValuesOf<F>, C> => {
    const define = (verb: Verb) => (spec: Spec<never, Fields, never>): Operation => operationOf(verb, template, params ?? {}, spec)
    const verbs: readonly Verb[] = ['read', 'list', 'scan', 'write', 'patch', 'delete']
    return Object.fromEntries(verbs.map((verb) => [verb, define(verb)])) as unknown as Verbs<ValuesOf<F>, C>
  }

function operationOf(verb: Verb, path: string, params: Fields, spec: Spec<never, Fields, never>): Operation {
  return Object.freeze({
    verb,
    path,
    params,
    foldedParams: Object.keys(params).filter((name) => params[name]?.fold !== undefined),
    summary: spec.summary,
    description: spec.description ?? '',
    input: spec.input ?? {},
    output: spec.output ?? null,
    access: spec.access ?? 'policy',
    lifecycle: spec.lifecycle ?? false,
    arbitraryInput: spec.arbitraryInput ?? false,
    deprecated: spec.deprecated ?? null,
    headStatus: spec.headStatus ?? null,
    exists: (spec.exists as Operation['exists'] | undefined) ?? null,
    admit: (spec.admit as Operation['admit'] | undefined) ?? null,
    lockoutName: (spec.lockoutName as Operation['lockoutName'] | undefined) ?? null,
    loginRole: (spec.loginRole as Operation['loginRole'] | undefined) ?? null,
    handle: spec.handle as Operation['handle'],
  })
}

/** Names a path once; its verbs then share the typed parameters. */
export const path = pathsWith<unknown>()

/** The same operation under another verb or path, where Vault has it twice. */
export const also = (operation: Operation, change: Partial<Pick<Operation, 'verb' | 'path' | 'deprecated' | 'summary'>>): Operation =>
  Object.freeze({ ...operation, ...change })
