/** Tokens: create, look up, renew, revoke. */
import { expectAuth, expectSecret, type RequestOptions, type Verbs } from './contract.ts'
import type { Auth } from './envelope.ts'

export interface TokenRequest {
  readonly policies?: readonly string[]
  /** Durations: seconds or `1h`. */
  readonly ttl?: string | number
  readonly explicit_max_ttl?: string | number
  readonly period?: string | number
  readonly num_uses?: number
  readonly renewable?: boolean
  readonly no_parent?: boolean
  readonly no_default_policy?: boolean
  readonly display_name?: string
  readonly meta?: Readonly<Record<string, string>>
  readonly type?: 'service' | 'batch'
  readonly entity_alias?: string
}

export interface TokenFacts {
  readonly id: string
  readonly accessor: string
  readonly policies: readonly string[]
  readonly path: string
  readonly display_name: string
  readonly num_uses: number
  readonly orphan: boolean
  readonly creation_time: number
  readonly creation_ttl: number
  /** Seconds left; 0 for a token that does not expire. */
  readonly ttl: number
  readonly expire_time: string | null
  readonly explicit_max_ttl: number
  readonly meta: Readonly<Record<string, string>> | null
  readonly type: string
  readonly entity_id: string
  readonly renewable?: boolean
  readonly period?: number
}

export interface TokenApi {
  create(request?: TokenRequest, options?: RequestOptions & { role?: string }): Promise<Auth>
  /** Of the given token, or of the client's own. */
  lookup(token?: string, options?: RequestOptions): Promise<TokenFacts>
  lookupAccessor(accessor: string, options?: RequestOptions): Promise<TokenFacts>
  /** `increment`: seconds or a duration wished for. */
  renew(token?: string, increment?: string | number, options?: RequestOptions): Promise<Auth>
  /** With everything that hangs on it. Without an argument: the client's own. */
  revoke(token?: string, options?: RequestOptions): Promise<void>
  revokeAccessor(accessor: string, options?: RequestOptions): Promise<void>
}

export function tokenApi(client: Verbs): TokenApi {
  return {
    async create(request = {}, { role, ...options } = {}) {
      const path = role === undefined ? 'auth/token/create' : `auth/token/create/${role}`
      return expectAuth(await client.write(path, request, options), path)
    },
    async lookup(token, options) {
      const secret =
        token === undefined
          ? await client.read<TokenFacts>('auth/token/lookup-self', options)
          : await client.write<TokenFacts>('auth/token/lookup', { token }, options)
      return expectSecret(secret, 'auth/token/lookup').data
    },
    async lookupAccessor(accessor, options) {
      const path = 'auth/token/lookup-accessor'
      return expectSecret(await client.write<TokenFacts>(path, { accessor }, options), path).data
    },
    async renew(token, increment, options) {
      const path = token === undefined ? 'auth/token/renew-self' : 'auth/token/renew'
      return expectAuth(await client.write(path, { token, increment }, options), path)
    },
    async revoke(token, options) {
      const self = token === undefined
      await client.write(self ? 'auth/token/revoke-self' : 'auth/token/revoke', self ? {} : { token }, options)
    },
    revokeAccessor: async (accessor, options) => void (await client.write('auth/token/revoke-accessor', { accessor }, options)),
  }
}
