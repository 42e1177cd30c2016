/**
 * Runs the operations of one engine without the request path, for tests: routing, fields, existence checks, one transaction per request
 * that is run again on a conflict, and the status of the answer as the request path gives it.
 */
import { createHash } from 'node:crypto'
import { ApiError, Conflict } from '../../kit/errors.ts'
import type { Engine } from '../../kit/engine.ts'
import { parseFields } from '../../kit/fields.ts'
import { encodeJson, parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import type { AnyCall, CallerView, MountView, Operation, Verb } from '../../kit/operation.ts'
import { Outside } from '../../kit/outside.ts'
import { Reply, type Result } from '../../kit/result.ts'
import { routesOf } from '../../kit/route.ts'
import type { Store, Transaction } from '../../kit/store.ts'

/** What `beginTransaction` of the storage gives; a parameter, because engines do not know the storage. */
interface Begun extends Transaction {
  readonly isDirty: boolean
  commitWith(): Promise<number>
}

export interface HarnessOptions {
  readonly engine: Engine
  readonly store: Store
  readonly begin: (store: Store) => Begun
  readonly caller?: Partial<CallerView> | null
  readonly seed?: string
}

export interface Answer {
  readonly status: number
  /** Parsed again from what would be sent. */
  readonly data: JsonObject | null
  /** The data as it would be sent. */
  readonly text: string
  readonly errors: readonly string[] | null
  readonly warnings: readonly string[]
  readonly leaseSeconds: number
  /** False for an answer without envelope. */
  readonly hasBody: boolean
  /** The body of an answer without envelope. */
  readonly bytes: Buffer | null
  /** Headers of an answer without envelope, by name in lower case; the last of several. */
  readonly headers: ReadonlyMap<string, string>
}

export interface Harness {
  /** `path` is percent-encoded and may have a query. PUT and POST are the same. */
  readonly send: (method: string, path: string, body?: Json) => Promise<Answer>
  /** Writes a body of a binary type. */
  readonly sendBytes: (path: string, body: Uint8Array) => Promise<Answer>
  /** Runs a chore of the engine once. */
  readonly chore: (name: string) => Promise<void>
  /** The capability that a write of this path needs. */
  readonly capability: (path: string, body?: JsonObject) => Promise<'create' | 'update'>
  readonly setUp: () => Promise<void>
  readonly mount: MountView
  /** Milliseconds; tests move it. */
  readonly clock: { now: number }
  readonly random: (bytes: number) => Uint8Array
  /** Gets that reached the store, for tests of what a request costs. */
  readonly counts: { gets: number; writes: number }
}

const verbs: Readonly<Record<string, Verb>> = {
  GET: 'read', POST: 'write', PUT: 'write', PATCH: 'patch', DELETE: 'delete', LIST: 'list', SCAN: 'scan',
}
const attemptsMax = 50

export function harness(options: HarnessOptions): Harness {
  const { engine, begin } = options
  const clock = { now: Date.UTC(2026, 10, 21, 3, 20) }
  const counts = { gets: 0, writes: 0 }
  const store = counting(options.store, counts)
  const random = seeded(options.seed ?? 'harness')
  const mount: MountView = {
    path: 'mount/', type: engine.type, accessor: `${engine.type}_00000000`, uuid: '00000000-0000-4000-8000-000000000000', namespace: 'root',
    options: engine.version === undefined ? {} : { version: engine.version }, defaultLeaseSeconds: 2_764_800, maxLeaseSeconds: 2_764_800,
  }
  const caller = options.caller === null ? null : { ...someone, ...options.caller }
  const routes = routesOf(engine.operations)
  const context = { store, begin, clock, random, mount, caller }
  return {
    clock,
    counts,
    mount,
    random,
    async send(method, target, body) {
      const [encoded = '', query = ''] = target.split('?')
      const path = decodeURIComponent(encoded)
      const verb = verbs[method]
      if (verb === undefined) return refused(new ApiError('unsupported_operation', ''))
      const found = routes.match(verb, path)
      if (found === null) return refused(new ApiError('unsupported_path', engine.unknownPathHint?.(path) ?? 'unsupported path'))
      if (found === 'verb') return refused(new ApiError('unsupported_operation', 'unsupported operation'))
      const data = verb === 'write' || verb === 'patch' ? ((body ?? null) as JsonObject | null) : queryOf(query)
      return await run(context, { ...found, body: data })
    },
    async sendBytes(path, rawBody) {
      const found = routes.match('write', path)
      if (found === null || found === 'verb') throw new Error(`nothing can be written to ${path}`)
      return await run(context, { ...found, body: null, rawBody })
    },
    async chore(name) {
      const change = <T>(work: (view: Transaction) => Promise<T>): Promise<T> => changed(context, work)
      const chore = engine.chores?.find((one) => one.name === name)
      if (chore === undefined) throw new Error(`there is no chore ${name}`)
      await chore.run({ store, change, mount, now: clock.now, random, makePassword: noPolicies, signal: new AbortController().signal })
    },
    async capability(path, body = {}) {
      const found = routes.match('write', path)
      if (found === null || found === 'verb') throw new Error(`nothing can be written to ${path}`)
      const { exists } = found.operation
      const call = callOf(context, { ...found, body }, begin(store), [])
      return exists === null || (await exists(call)) ? 'update' : 'create'
    },
    async setUp() {
      const view = begin(store)
      await engine.setUp?.({ store: view, mount, now: clock.now, random })
      if (view.isDirty) await view.commitWith()
    },
  }
}

const someone: CallerView = {
  cubbyholeId: 'hole', accessor: 'accessor', displayName: 'token', entityId: '', policies: ['root'], isRoot: true,
}

interface Context {
  readonly store: Store
  readonly begin: HarnessOptions['begin']
  readonly clock: { now: number }
  readonly random: (bytes: number) => Uint8Array
  readonly mount: MountView
  readonly caller: CallerView | null
}

type Request = { readonly operation: Operation; readonly params: JsonObject; readonly body: JsonObject | null; readonly rawBody?: Uint8Array | null }
type HarnessCall = AnyCall & { readonly unknown: readonly string[] }

function callOf(context: Context, { operation, params, body, rawBody = null }: Request, store: Transaction, warnings: string[]): HarnessCall {
  const { values, unknown } = parseFields(operation.input, body ?? {})
  const call = {
    params: parseFields(operation.params, params).values,
    input: values,
    unknown: operation.arbitraryInput ? [] : unknown,
    body,
    rawBody,
    store,
    mount: context.mount,
    caller: context.caller,
    remoteAddress: '127.0.0.1',
    clientCertificate: () => null,
    headers: {},
    now: context.clock.now,
    random: context.random,
    fillTemplate: (text: string) => (text.includes('{{') ? null : text),
    makePassword: noPolicies,
    warn: (text: string) => void warnings.push(text),
    afterCommit: () => {},
  }
  return call as unknown as HarnessCall
}

const noPolicies = (): Promise<never> => Promise.reject(new ApiError('bad_request', 'there are no password policies here'))

async function changed<T>({ begin, store }: Context, work: (view: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const view = begin(store)
    try {
      const result = await work(view)
      if (view.isDirty) await view.commitWith()
      return result
    } catch (error) {
      if (!(error instanceof Conflict) || attempt === attemptsMax) throw error
    }
  }
}

async function run(context: Context, request: Request): Promise<Answer> {
  const { operation } = request
  for (let attempt = 0; ; attempt++) {
    const view = context.begin(context.store)
    const warnings: string[] = []
    try {
      const call = callOf(context, request, view, warnings)
      // The request path asks before every write, through the same view.
      await operation.exists?.(call)
      const result = await operation.handle(call)
      if (result instanceof Outside) throw new Error('what changes something outside is tested through the request path')
      if (view.isDirty) await view.commitWith()
      return answerOf(operation, result, warnings, call.unknown)
    } catch (error) {
      if (error instanceof ApiError) return refused(error)
      if (!(error instanceof Conflict) || attempt === attemptsMax) throw error
    }
  }
}

const none: Answer = { status: 204, data: null, text: 'null', errors: null, warnings: [], leaseSeconds: 0, hasBody: false, bytes: null, headers: new Map() }
const refused = (error: ApiError): Answer => ({ ...none, status: error.status, errors: [error.message], hasBody: true })

function answerOf({ verb }: Operation, result: Result, warned: readonly string[], unknown: readonly string[]): Answer {
  const fields = result instanceof Reply ? result.fields : { data: result }
  const warnings = [...warned, ...(fields.warnings ?? [])]
  if (fields.raw !== undefined) return { ...none, status: fields.status ?? 200, bytes: bytesOf(fields.raw.body), headers: new Map(fields.raw.headers?.map(([name, value]) => [name.toLowerCase(), value])) }
  const data = fields.data ?? null
  if (data === null && fields.status === undefined) {
    if (verb === 'read' || verb === 'list' || verb === 'scan') return { ...none, status: 404, errors: [], hasBody: true }
    if (warnings.length === 0) return none
  }
  if (unknown.length > 0) warnings.push(`Endpoint ignored these unrecognized parameters: [${unknown.join(' ')}]`)
  const text = encodeJson(data)
  const parsed = parseJson(text) as JsonObject | null
  const leaseSeconds = fields.shownLease?.seconds ?? 0
  return { ...none, status: fields.status ?? 200, data: parsed, text, warnings, leaseSeconds, hasBody: true }
}

const bytesOf = (body: string | Uint8Array | AsyncIterable<string | Uint8Array>): Buffer | null =>
  typeof body === 'string' || body instanceof Uint8Array ? Buffer.from(body as string) : null

function queryOf(query: string): JsonObject | null {
  const pairs = [...new URLSearchParams(query)].filter(([name]) => name !== 'list' && name !== 'scan')
  return pairs.length === 0 ? null : Object.fromEntries(pairs)
}

function counting(store: Store, counts: { gets: number; writes: number }): Store {
  return {
    ...store,
    get(key) {
      counts.gets++
      return store.get(key)
    },
    commit(expectations, writes) {
      counts.writes += writes.length
      return store.commit(expectations, writes)
    },
  }
}

/** Bytes that a seed replays. */
function seeded(seed: string): (bytes: number) => Uint8Array {
  let calls = 0
  return (bytes) => createHash('shake256', { outputLength: bytes }).update(`${seed}/${calls++}`).digest()
}
