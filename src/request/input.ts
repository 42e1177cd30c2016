/** The call that a handler gets: parameters of the path and fields of the body, typed and checked, and the store of its mount. */
import type { Core } from '../core/core.ts'
import { rootNamespace } from '../core/base.ts'
import { identityOf } from '../core/identity/standing.ts'
import { fillTemplate, type IdentityView } from '../core/policies/template.ts'
import { managedKeysOf } from '../core/managed-keys/keys.ts'
import { makePassword } from '../core/passwords.ts'
import { beginUnit, type Unit } from '../core/unit.ts'
import { badRequest } from '../kit/errors.ts'
import { parseFields } from '../kit/fields.ts'
import type { JsonObject } from '../kit/json.ts'
import type { Store } from '../kit/store.ts'
import type { AnyCall, Operation } from '../kit/operation.ts'
import type { Mount } from '../core/mounts/table.ts'
import type { SystemCall } from '../system/call.ts'
import { passedHeaders } from './headers.ts'
import type { Caller } from './identify.ts'
import type { Target } from './resolve.ts'
import type { WireRequest } from './wire.ts'

/** A target whose operation exists. */
export interface Resolved extends Target {
  readonly mount: Mount
  readonly operation: Operation
}

export const isResolved = (target: Target): target is Resolved => target.mount !== null && target.operation !== null

export interface Effects {
  readonly warnings: string[]
  readonly afterCommit: ((store: Store) => void | Promise<void>)[]
}

const nothing: JsonObject = Object.freeze({})

/** Builds the call. `pageLimit` is what a policy allows of a listing, in place of what the request asks for. Throws `bad_request` naming the field. Warnings about unknown fields are added by `warnUnknown` once there is an answer. */
export function callOf(core: Core, wire: WireRequest, target: Resolved, caller: Caller | null, unit: Unit, effects: Effects, wrapTtl: number | null, pageLimit: number | null = null): AnyCall & { unknown: readonly string[] } {
  const { operation, mount } = target
  const params = parseFields(operation.params, target.params).values
  const data = pageLimit === null ? (wire.data ?? nothing) : { ...wire.data, limit: pageLimit }
  const { values, unknown } = parseFields(operation.input, data)
  const call = {
    params,
    input: values,
    body: wire.data,
    rawBody: wire.raw,
    store: unit.on(mount.store),
    mount: mount.view,
    caller: caller?.view ?? null,
    remoteAddress: wire.remoteAddress,
    clientCertificate: () => wire.clientCertificate(),
    headers: passedHeaders(wire, mount),
    now: core.host.now(),
    random: core.host.random,
    fillTemplate: (text: string, mayStand: (value: string, selector: string) => boolean) => fillTemplate(text, identityOfCaller(caller), groupNamespace(mount), mayStand),
    makePassword: (policy: string) => makePassword(core, policy),
    managedKeys: managedKeysOf(core, mount),
    warn: (text: string) => void effects.warnings.push(text),
    afterCommit: (work: (store: Store) => void | Promise<void>) => void effects.afterCommit.push(work),
    unknown: operation.arbitraryInput ? [] : unknown.filter((name) => !Object.hasOwn(target.params, name)),
  }
  const isSystem = mount.registered?.engine.kind === 'system' || mount.record.type === 'token'
  return (isSystem ? Object.assign(call, systemPart(core, wire, caller, unit, wrapTtl)) : call) as unknown as AnyCall & { unknown: readonly string[] }
}

const identityOfCaller = (caller: Caller | null): IdentityView | null => (caller === null || caller.entity === null ? null : identityOf(caller.entity))

/** Groups have the namespace as it stands in paths: '' for the root. */
const groupNamespace = ({ view }: Mount): string => (view.namespace === rootNamespace ? '' : view.namespace)

function systemPart(core: Core, wire: WireRequest, caller: Caller | null, unit: Unit, wrapTtl: number | null): SystemCall {
  return {
    core,
    unit,
    token: caller === null ? null : { id: caller.id, record: caller.record },
    requestId: wire.id,
    tokenGiven: wire.token,
    wrapTtl,
    method: wire.method,
    may: async (path, capability) => caller?.acl.judge(plainQuestion(core, path, capability)).allowed === true,
    upload: wire.upload,
    query: wire.query,
  }
}

const plainQuestion = (core: Core, path: string, capability: string): Parameters<Caller['acl']['judge']>[0] => ({
  path, capability: capability as 'read', sudo: capability === 'sudo', data: null, wrapTtl: null, nowMs: core.host.now(),
})


/** What an operation says of a call before it is made, such as which user it is for. Null as well where the input is unusable: the operation itself says so then. */
export async function askAhead<T>(core: Core, wire: WireRequest, target: Resolved, ask: ((call: AnyCall) => T | Promise<T>) | null): Promise<T | null> {
  if (ask === null) return null
  try {
    return await ask(callOf(core, wire, target, null, beginUnit(), { warnings: [], afterCommit: [] }, null))
  } catch {
    return null
  }
}

/** Vault's two warnings about fields that do not count. */
export function fieldWarnings(unknown: readonly string[], target: Target, data: JsonObject | null): string[] {
  const warnings: string[] = []
  if (unknown.length > 0) warnings.push(`Endpoint ignored these unrecognized parameters: [${unknown.join(' ')}]`)
  const replaced = Object.keys(target.params).filter((name) => data !== null && Object.hasOwn(data, name))
  if (replaced.length > 0) warnings.push(`Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [${replaced.join(' ')}]`)
  return warnings
}

/** Seconds of X-Vault-Wrap-TTL, or null when nothing is to be wrapped. Throws as recorded. */
export function parseWrapTtl(wire: WireRequest, parse: (raw: string) => number): number | null {
  if (wire.wrapTtl === null) return null
  let seconds: number
  try {
    seconds = parse(wire.wrapTtl)
  } catch (cause) {
    throw badRequest(`error parsing X-Vault-Wrap-TTL header: ${cause instanceof Error ? cause.message : 'not a duration'}`, { cause })
  }
  if (seconds < 0) throw badRequest('error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative')
  return seconds === 0 ? null : seconds
}
