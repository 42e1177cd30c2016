/** Something that a client does: a request, and what the model says of it. */
import type { JsonObject } from '../kit/json.ts'
import type { Served } from '../request/testing/serve-harness.ts'
import type { WireVerb } from '../request/wire.ts'
import type { Model } from './model.ts'

export interface Ask {
  readonly verb: WireVerb
  readonly path: string
  /** Null: none is sent. */
  readonly token: string | null
  readonly data?: JsonObject
  readonly headers?: Readonly<Record<string, string>>
}

/** What must be answered: a status (or one of some), and whatever else of the answer is known. */
export interface Expected {
  readonly status: number | readonly number[]
  readonly holds?: (seen: Served) => boolean
}

/** Null: the answer is not known, and neither is whether anything happened. */
export type Seen = Served | null

export interface Deed {
  readonly ask: Ask
  /** Does it in the model. What only the server chooses (a token, a role id) is taken from what was seen. */
  readonly act: (model: Model, seen: Seen) => Expected
  /** Who may do it is for `act` to say: no token is sent, or one of a kind of its own. */
  readonly isOpen?: true
  /** What to look at when it is not known what happened. */
  readonly probes: readonly Deed[]
  /** The same for what only the answer names. */
  readonly probeNew?: (seen: Seen) => readonly Deed[]
}

/** How much of a deed whose answer never came has happened. */
export type Extent = 'all' | 'only spent' | 'nothing'

/**
 * Does a deed in the model, as far as `extent` says, and answers whether what was seen is what the model says: who asks is known, pays,
 * may, and then does it.
 */
export function enact(model: Model, deed: Deed, seen: Seen, extent: Extent = 'all'): boolean {
  if (extent === 'nothing') return true
  const { token, path, verb } = deed.ask
  if (token === null || deed.isOpen === true) return fits(seen, deed.act(model, seen))
  const caller = model.living(token)
  if (caller === null) return fits(seen, { status: model.justDied.has(token) ? [403, ...(late.get(path) ?? [])] : 403 })
  const isLast = caller.hasUses && caller.usesLeft === 1
  if (caller.hasUses) model.set(model.tokens, token, { ...caller, usesLeft: caller.usesLeft - 1 })
  // Others may take the last use while this one, which has paid, is not done yet: it may be refused then (docs/limits.md).
  if (caller.hasUses && !isLast && seen?.status === 403 && model.contended.has(token)) return true
  const isAllowed = everybodyMay(path) || model.may(caller.policies, isFolder(verb, path) ? `${path}/` : path, capabilityOf(verb))
  const expected = extent === 'only spent' ? null : isAllowed ? deed.act(model, seen) : { status: 403 }
  if (isLast) model.kill(token)
  return expected === null || fits(seen, expected)
}

/** What is answered to a token that dies meanwhile, other than that nobody knows it. */
const late: ReadonlyMap<string, readonly number[]> = new Map([['auth/token/renew-self', [400]], ['auth/token/revoke-self', [204]]])
/** What the policy `default` grants, as far as it is used here. */
const everybodyMay = (path: string): boolean => path.startsWith('cubbyhole/') || path.endsWith('-self') || path === 'sys/wrapping/unwrap'
const isFolder = (verb: WireVerb, path: string): boolean => verb === 'list' && !path.endsWith('/')
const capabilities: Partial<Record<WireVerb, string>> = { read: 'read', list: 'list', write: 'update', patch: 'patch', delete: 'delete' }
const capabilityOf = (verb: WireVerb): string => capabilities[verb] ?? verb

const fits = (seen: Seen, { status, holds }: Expected): boolean => seen === null || ([status].flat().includes(seen.status) && (holds?.(seen) ?? true))

export function describeAsk({ verb, path, token, data, headers }: Ask, rootToken: string): string {
  const who = token === null ? '' : token === rootToken ? ' as root' : ` as ${token}`
  return `${verb} ${path}${data === undefined ? '' : ` ${JSON.stringify(data)}`}${headers === undefined ? '' : ` ${JSON.stringify(headers)}`}${who}`
}
