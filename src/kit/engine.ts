/** How a secrets engine or an auth method is declared. The core reaches it through this contract only. */
import type { Call, MountView, Operation } from './operation.ts'
import type { Data, Login } from './result.ts'
import type { Store, Transaction } from './store.ts'

/** What an auth method is asked when a token that it gave is renewed: the new terms, or a throw to refuse. */
export interface RenewCall {
  readonly store: Transaction
  readonly mount: MountView
  readonly now: number
  readonly internal: Data
  readonly policies: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
}

/** What an engine is given to renew or revoke a lease of one of its kinds. */
export interface LeaseCall {
  readonly store: Transaction
  readonly mount: MountView
  readonly now: number
  readonly internal: Data
  readonly incrementSeconds: number
}

export interface RenewedTerms {
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  /** Makes the secret itself last until then (milliseconds since 1970), where it has an end of its own. Idempotent. */
  readonly extend?: (expiresAt: number) => Promise<void>
}

export interface LeaseKind {
  readonly renew?: (call: LeaseCall) => Promise<RenewedTerms>
  /** Which of the systems behind a mount has the secret: one that is stuck holds up none but its own. Default: the mount has one. */
  readonly backend?: (internal: Data) => string
  /** Idempotent: what is not there any more counts as revoked. The text of what it throws is kept and shown to operators: never a secret in it. */
  readonly revoke: (call: LeaseCall) => Promise<void>
}

/** Work that recurs: at least once in every interval, on one node at a time, in bounded pieces. */
export interface Chore {
  readonly name: string
  readonly everySeconds: number
  readonly run: (call: ChoreCall) => Promise<void>
}

export interface ChoreCall {
  readonly store: Store
  /** Runs `work` as one unit of work over the store of the mount: again from the start when what it read has changed meanwhile. */
  readonly change: <T>(work: (store: Transaction) => Promise<T>) => Promise<T>
  readonly mount: MountView
  readonly now: number
  readonly random: Call<never, never>['random']
  readonly makePassword: Call<never, never>['makePassword']
  /** Aborts when the server stops. */
  readonly signal: AbortSignal
}

export interface Engine {
  readonly type: string
  /** Only for engines with several versions under one type: the mount option `version` chooses. */
  readonly version?: string
  readonly kind: 'secret' | 'auth' | 'system'
  readonly summary: string
  readonly operations: readonly Operation[]
  /** Text of the 404 answer (with a warning) for paths that no operation has, where Vault gives a hint. */
  readonly unknownPathHint?: (path: string) => string | null
  /** Auth methods: the names of users are the same in any case, and their aliases are in lower case. */
  readonly foldsNames?: true
  /** Checks and completes what a mount of this type is enabled or tuned with; throws `bad_request`. */
  readonly checkOptions?: (options: Readonly<Record<string, string>>) => Readonly<Record<string, string>>
  /** Writes what a new mount needs. */
  readonly setUp?: (call: { readonly store: Transaction; readonly mount: MountView; readonly now: number; readonly random: (bytes: number) => Uint8Array }) => Promise<void>
  /** Converts the data of a mount in place from an older `version`, in bounded commits; may be run again after a crash. */
  readonly convert?: (call: { readonly store: Store; readonly mount: MountView; readonly from: string; readonly now: number; readonly random: (bytes: number) => Uint8Array }) => Promise<void>
  /** Where in the mount `/.well-known/<path>` lies, for protocols that begin there (RFC 8615); null: not in this mount. The first mount that says so has it. */
  readonly wellKnown?: (call: { readonly store: Transaction; readonly path: string }) => Promise<string | null>
  readonly renew?: (call: RenewCall) => Promise<Partial<Login>>
  readonly leases?: Readonly<Record<string, LeaseKind>>
  readonly chores?: readonly Chore[]
  /** Lets go of what it holds outside: connections. Called when the server seals or stops; it may be used again afterwards. */
  readonly release?: () => Promise<void>
}

export const engine = (definition: Engine): Engine => Object.freeze(definition)

/** A call without its types, for rules shared between operations. */
export type PlainCall = Call<Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>>
