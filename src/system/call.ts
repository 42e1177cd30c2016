/** What operations of `sys/`, `auth/token/` and `identity/` are given beyond an engine's call: the core itself. */
import { pathsWith } from '../kit/operation.ts'
import type { Core } from '../core/core.ts'
import type { TokenRecord } from '../core/tokens/record.ts'
import type { Unit } from '../core/unit.ts'

export interface SystemCall {
  readonly core: Core
  /** The request's unit of work: `call.store` is its view on the mount's own tree. */
  readonly unit: Unit
  /** The caller's token and its record; null for public operations without one. */
  readonly token: { readonly id: string; readonly record: TokenRecord } | null
  readonly requestId: string
  /** The token text that the request carried, whether or not it means anything. */
  readonly tokenGiven: string | null
  /** Seconds of `X-Vault-Wrap-TTL`; null: no wrapping was asked for. */
  readonly wrapTtl: number | null
  readonly method: string
  /** Whether the caller's policies let it use `capability` on `path`. */
  readonly may: (path: string, capability: string) => Promise<boolean>
  /** The body, unread, of a path that takes files of any size. */
  readonly upload: AsyncIterable<Uint8Array> | null
  readonly query: string
  /** What needs no token on the listener that the request came through; nothing when absent. */
  readonly open?: ReadonlySet<string>
}

/** `path` of `src/kit/operation.ts`, with handlers that also get a `SystemCall`. */
export const systemPath = pathsWith<SystemCall>()
