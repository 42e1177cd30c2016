/**
 * Endpoints that work while the server is sealed or not initialised: initialising, unsealing, health. They stand outside the audited path, as
 * the audit configuration itself is sealed then, and answer bare JSON.
 */
import { beginUnit } from '../core/unit.ts'
import type { Core } from '../core/core.ts'
import { parseFields } from '../kit/fields.ts'
import { ApiError, badRequest } from '../kit/errors.ts'
import type { ManagedKeys } from '../kit/managed-key.ts'
import type { Transaction } from '../kit/store.ts'
import type { AnyCall, Call, MountView, Operation, Verb } from '../kit/operation.ts'
import { Reply, type Result } from '../kit/result.ts'
import type { Match } from '../kit/route.ts'
import type { SystemCall } from '../system/call.ts'
import { answerOf, outcome } from './answer.ts'
import type { WireRequest, WireResponse } from './wire.ts'

const nowhere: MountView = Object.freeze({
  path: 'sys/', type: 'system', accessor: '', uuid: '', namespace: 'root', options: {}, defaultLeaseSeconds: 0, maxLeaseSeconds: 0,
})

const notAllowed: WireResponse = Object.freeze({ status: 405, body: '{"errors":[]}' })

/** What tells how the server is may be asked from anywhere. */
const sameForAll: ReadonlySet<string> = new Set(['seal-status', 'leader'])

/** The answer, or null when the request is not for one of these endpoints. */
export function serveLifecycle(core: Core, wire: WireRequest): Promise<WireResponse> | null {
  if (!wire.path.startsWith('sys/') || wire.verb === 'help') return null
  const rest = wire.path.slice(4)
  const isHead = wire.verb === 'head'
  const matched = core.registry.find('system', 'system', {})?.routes.match(isHead ? 'read' : (wire.verb as Verb), rest) ?? null
  if (matched === 'verb') return isLifecyclePath(core, rest) ? Promise.resolve(notAllowed) : null
  if (matched === null || !matched.operation.lifecycle) return null
  return isHead && matched.operation.path !== 'health' ? Promise.resolve(notAllowed) : serveMatched(core, wire, matched)
}

async function serveMatched(core: Core, wire: WireRequest, matched: Match): Promise<WireResponse> {
  // These act on the whole server: a namespace has no such thing, and is no other name for it.
  if (wire.namespace !== '' && !sameForAll.has(matched.operation.path)) throw badRequest('operation unavailable in namespaces')
  const input = parseFields(matched.operation.input, wire.data ?? {}).values
  const params = parseFields(matched.operation.params, matched.params).values
  if (matched.operation.verb !== 'read') await record(core, wire)
  return answerFor(wire, matched.operation, await matched.operation.handle(lifecycleCall(core, wire, params, input)))
}

function answerFor(wire: WireRequest, operation: Operation, result: Result): WireResponse {
  if (result instanceof Reply && result.fields.raw !== undefined) return answerOf(wire.id, outcome({ status: result.fields.status ?? 200, raw: result.fields.raw }))
  if (result === null) return { status: 204, body: null }
  throw new ApiError('internal', 'internal error', { detail: `${operation.path} must answer bare JSON` })
}

/**
 * Sealing, unsealing and the ceremonies around keys are told to the log, and to the audit devices where these can be known: without any field, as
 * the fields are shares. Sealing must work also when no device does; nothing else happens unrecorded.
 */
async function record(core: Core, wire: WireRequest): Promise<void> {
  core.host.log('info', 'core', 'operation on the keys', { path: wire.path, method: wire.method, address: wire.remoteAddress })
  if (core.barrier.isSealed) return
  const request = { id: wire.id, operation: wire.verb === 'delete' ? 'delete' : 'update', path: wire.path, ...(wire.token === null ? {} : { client_token: wire.token }), remote_address: wire.remoteAddress, remote_port: wire.remotePort }
  try {
    await core.live.refresh()
    await core.audit.write({ type: 'request', time: core.host.now(), privileged: true, request })
  } catch (error) {
    core.host.log('error', 'core', 'no audit device could record an operation on the keys', { path: wire.path })
    if (wire.path !== 'sys/seal') throw error
  }
}

function isLifecyclePath(core: Core, rest: string): boolean {
  const template = core.registry.find('system', 'system', {})?.routes.templates.find((t) => t.path === rest)
  return template?.operations.some((operation) => operation.lifecycle) === true
}

const noStore = (): never => {
  throw new ApiError('internal', 'internal error', { detail: 'a lifecycle operation has no store' })
}
const unavailable: Transaction = Object.freeze({ get: noStore, peek: noStore, list: noStore, put: noStore, delete: noStore, merge: noStore })
const noManagedKeys: ManagedKeys = Object.freeze({ describe: noStore, sign: noStore })
const nobodyMay = async (): Promise<boolean> => false
const nothing = (): void => undefined

/** One literal: health is asked for more often than anything else. */
function lifecycleCall(core: Core, wire: WireRequest, params: unknown, input: unknown): AnyCall {
  const call: SystemCall & Call<unknown, unknown> = {
    core, unit: beginUnit(), token: null, requestId: wire.id, tokenGiven: wire.token, wrapTtl: null, method: wire.method, may: nobodyMay,
    rawBody: wire.raw, upload: null, query: wire.query, params, input, body: wire.data, store: unavailable, mount: nowhere, caller: null,
    remoteAddress: wire.remoteAddress, clientCertificate: () => wire.clientCertificate(), headers: wire.headers, now: core.host.now(), random: core.host.random,
    fillTemplate: () => null, makePassword: noStore, managedKeys: noManagedKeys, warn: nothing, afterCommit: nothing, ...(wire.open === undefined ? {} : { open: wire.open }),
  }
  return call as unknown as AnyCall
}
