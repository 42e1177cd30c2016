/** Response wrapping: an answer goes into the cubbyhole of a token for one use, and the caller gets that token instead. */
import { badRequest, internal } from '../kit/errors.ts'
import type { Transaction } from '../kit/store.ts'
import { formatTime } from '../kit/time.ts'
import type { Core } from './core.ts'
import type { Mount } from './mounts/table.ts'
import { createToken } from './tokens/create.ts'
import { findToken } from './tokens/find.ts'
import type { TokenRecord } from './tokens/record.ts'
import { unwrapJwt, wrapAsJwt } from './tokens/wrapping-jwt.ts'
import type { Unit } from './unit.ts'

/** Policy of wrapping tokens: they may read what they wrap, and unwrap it. Nobody can be given it. */
const wrappingPolicy = 'response-wrapping'

export interface WrapInfo {
  readonly token: string
  readonly accessor: string
  readonly ttl: number
  readonly creation_time: string
  readonly creation_path: string
  readonly wrapped_accessor?: string
}

export interface WrapTerms {
  readonly ttlSeconds: number
  /** `jwt`, or anything else for a plain token. */
  readonly format: string | null
  /** Of the token inside the answer, or ''. */
  readonly wrappedAccessor: string
}

/** Where a wrapped answer lies inside the cubbyhole mount. */
const wrappedKey = (cubbyholeId: string): string => `.wrapped/${cubbyholeId}`

/** Wraps `text`, a whole answer, as part of the unit. */
export async function wrapText(core: Core, unit: Unit, path: string, text: string, terms: WrapTerms): Promise<WrapInfo> {
  const { ttlSeconds: ttl, wrappedAccessor } = terms
  const token = await createToken(core, unit, {
    type: 'service', path, displayName: '', policies: [wrappingPolicy], metadata: null, numUses: 1, ttl,
    explicitMaxTtl: ttl, renewable: false, parent: null, wrapping: { path, ttl, accessor: wrappedAccessor },
  })
  const { record } = token
  ;(await cubbyhole(core, unit)).put(wrappedKey(record.cubbyholeId), Buffer.from(text))
  return {
    token: terms.format === 'jwt' ? wrapAsJwt(core, token) : token.id,
    accessor: record.accessor,
    ttl,
    creation_time: formatTime(record.createdAt),
    creation_path: path,
    ...(wrappedAccessor === '' ? {} : { wrapped_accessor: wrappedAccessor }),
  }
}

const cubbyhole = async (core: Core, unit: Unit): Promise<Transaction> => unit.on((await cubbyholeMount(core)).store)

async function cubbyholeMount(core: Core): Promise<Mount> {
  const mount = await core.mounts.at('cubbyhole/')
  if (mount === null) throw internal('the cubbyhole mount is missing')
  return mount
}

export const invalidWrappingToken = () => badRequest('wrapping token is not valid or does not exist')

/** The record of a living wrapping token; throws the one text there is for all others. */
export async function resolveWrapping(core: Core, token: string): Promise<TokenRecord & { readonly wrapping: NonNullable<TokenRecord['wrapping']> }> {
  const record = await findToken(core, unwrapJwt(core, token))
  if (record?.wrapping === undefined) throw invalidWrappingToken()
  return record as TokenRecord & { readonly wrapping: NonNullable<TokenRecord['wrapping']> }
}

/** The wrapped answer, or null when there is none. */
export async function readWrapped(core: Core, cubbyholeId: string): Promise<string | null> {
  // Not through a unit: taking the answer out deletes what was read here, and that is no conflict.
  const entry = await (await cubbyholeMount(core)).store.get(wrappedKey(cubbyholeId))
  return entry === null ? null : Buffer.from(entry.value).toString('utf8')
}
