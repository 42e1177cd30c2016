/**
 * A whole server without sockets, for tests: a core over a store in memory, whose clock only moves when told to. Requests enter where the
 * wire hands them over, so that everything from identifying the caller to the envelope of the answer is what it is in production.
 */
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { authMethods } from '../../auth/list.ts'
import { Barrier } from '../../barrier/barrier.ts'
import type { Seal } from '../../barrier/seals/seal.ts'
import { shamirSeal } from '../../barrier/seals/shamir.ts'
import { AuditBroker } from '../../core/audit/broker.ts'
import type { Core } from '../../core/core.ts'
import type { Host, LogControl } from '../../core/host.ts'
import { sweepExpired } from '../../core/leases/sweeper.ts'
import { makeCore } from '../../core/make.ts'
import { registryOf } from '../../core/registry.ts'
import { systemLeaseSeconds, type CoreSettings } from '../../core/settings.ts'
import { setUpCore } from '../../core/setup.ts'
import { resumeRevocations } from '../../core/tokens/revoke.ts'
import { clearCubbyhole } from '../../engines/cubbyhole/clear.ts'
import { engines } from '../../engines/list.ts'
import type { Engine } from '../../kit/engine.ts'
import { encodeJson, parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import { isWhole, type Store } from '../../kit/store.ts'
import { uuidOf } from '../../kit/uuid.ts'
import { memoryStore } from '../../storage/memory.ts'
import { identity } from '../../system/identity/index.ts'
import { system } from '../../system/sys/index.ts'
import { tokenAuth } from '../../system/token/index.ts'
import { serve } from '../serve.ts'
import type { WireHeaders, WireRequest, WireVerb } from '../wire.ts'

export interface HarnessOptions {
  /** Default: a new one in memory. */
  readonly store?: Store
  /** Also for the names of records and for uuids: with a seed, the same requests lead to the same store. */
  readonly random?: (bytes: number) => Uint8Array
  readonly settings?: Partial<CoreSettings>
  /** Besides those that every server has. */
  readonly engines?: readonly Engine[]
  /** Default: timers of the machine. */
  readonly later?: Host['later']
  /** Default: nobody knows. */
  readonly load?: Host['load']
}

export interface RequestOptions {
  /** Default: the root token. Null: none. */
  readonly token?: string | null
  /** The body of a write, the query of a read. */
  readonly data?: Json
  /** The unread body of an upload. */
  readonly upload?: AsyncIterable<Uint8Array>
  /** Names in lower case. `x-vault-wrap-ttl` and the like are understood as the wire does. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default 127.0.0.1. */
  readonly from?: string
}

/** An answer, as its client would read it. What the body does not have is null or empty. */
export interface Served {
  readonly status: number
  /** The body, as it would be sent; '' for none. */
  readonly text: string
  readonly body: JsonObject | null
  readonly data: JsonObject | null
  readonly auth: JsonObject | null
  readonly wrapInfo: JsonObject | null
  /** Of a list. */
  readonly keys: readonly string[]
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

export interface ServeHarness {
  readonly core: Core
  /** What lies below the barrier: sealed. */
  readonly store: Store
  readonly rootToken: string
  /** Log lines of level info and above, without their times. */
  readonly logged: readonly string[]
  readonly clock: { readonly now: () => number; readonly advance: (seconds: number) => void }
  readonly request: (verb: WireVerb, path: string, options?: RequestOptions) => Promise<Served>
  /** As `request`, for what must succeed: throws with the errors of the answer otherwise. */
  readonly ok: (verb: WireVerb, path: string, options?: RequestOptions) => Promise<Served>
  /** What the server does beside requests: finishes revocations, revokes what has expired. */
  readonly sweep: () => Promise<void>
  /** Another process over the same store, unsealed, with the same clock: a second node, or this server after a restart. Closed by itself. */
  readonly sibling: (options?: Partial<HarnessOptions>) => Promise<ServeHarness>
  readonly close: () => Promise<void>
}

const settings: CoreSettings = Object.freeze({
  version: '1.15.0', buildDate: '2026-01-01T00:00:00Z', defaultLeaseSeconds: systemLeaseSeconds, maxLeaseSeconds: systemLeaseSeconds, clusterName: 'test',
  apiAddress: 'http://127.0.0.1:8200', storageType: 'inmem', rawStorageEndpoint: false, introspection: false,
  enableUi: false, auditOverApi: false, sanitized: {},
})

const noLogControl: LogControl = Object.freeze({ levelOf: () => 'info', modules: () => [], setLevel: () => undefined, reset: () => undefined, listen: () => () => undefined })

/** Initialised and unsealed. Nothing is mounted but what every server has. */
export async function serveHarness(options: HarnessOptions = {}): Promise<ServeHarness> {
  const shared: Shared = { time: Date.UTC(2026, 10, 21, 3, 20), seal: shamirSeal(randomBytes(32)), rootToken: '' }
  return await harnessOver(shared, { store: memoryStore(), ...options }, initialize)
}

/** What all processes over one store have in common. */
interface Shared {
  time: number
  readonly seal: Seal
  rootToken: string
}

async function harnessOver(shared: Shared, options: HarnessOptions & { readonly store: Store }, open: typeof initialize): Promise<ServeHarness> {
  const logged: string[] = []
  const host = hostOf(() => shared.time, logged, options)
  const barrier = new Barrier(options.store, { now: host.now, ...(options.random === undefined ? {} : { random: options.random }) })
  const audit = new AuditBroker({ host, limits: { dataFolder: null, folders: null, prefix: true } })
  const registry = registryOf([system, identity, tokenAuth, ...engines, ...authMethods, ...(options.engines ?? [])])
  const core = makeCore({ host, logControl: noLogControl, settings: { ...settings, ...options.settings }, barrier, registry, audit, automaticSeal: null, snapshots: isWhole(options.store) ? { store: options.store, folder: tmpdir() } : null, clearCubbyhole })
  await open(core, shared)
  const request = async (verb: WireVerb, path: string, asked: RequestOptions = {}): Promise<Served> =>
    readAnswer(await serve(core, wireOf(host.uuid(), verb, path, shared.rootToken, asked, shared.time)))
  return {
    core,
    store: options.store,
    rootToken: shared.rootToken,
    logged,
    clock: { now: () => shared.time, advance: (seconds) => void (shared.time += seconds * 1000) },
    request,
    async ok(verb, path, asked) {
      const answer = await request(verb, path, asked)
      if (answer.status >= 400) throw new Error(`${verb} ${path}: ${answer.status} ${answer.text}`)
      return answer
    },
    async sweep() {
      await resumeRevocations(core)
      await sweepExpired(core)
    },
    sibling: (changed) => harnessOver(shared, { ...options, ...changed }, unseal),
    async close() {
      await audit.close()
      await core.seal()
    },
  }
}

function hostOf(now: () => number, logged: string[], { random = (bytes) => randomBytes(bytes), later = laterByTimer, load }: HarnessOptions): Host {
  return {
    now,
    ...(load === undefined ? {} : { load }),
    random,
    later,
    uuid: () => uuidOf(random(16)),
    log(level, module, message, fields = {}) {
      if (level !== 'trace' && level !== 'debug') logged.push(`${level} ${module} ${message} ${JSON.stringify(fields)}`)
    },
  }
}

function laterByTimer(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms)
  timer.unref()
  return () => clearTimeout(timer)
}

/** One share of one. */
async function initialize(core: Core, shared: Shared): Promise<void> {
  const token = await core.barrier.initialize({ seal: shared.seal, config: { shares: 1, threshold: 1 } }, null, () => setUpCore(core))
  shared.rootToken = token.id
  await unseal(core, shared)
}

async function unseal(core: Core, { seal }: Shared): Promise<void> {
  const record = await core.barrier.readSeal()
  const rootKey = record === null ? null : await seal.unwrap(record.wrapped)
  if (rootKey === null) throw new Error('the server could not unseal itself')
  await core.barrier.unseal(rootKey)
}

const methods: Readonly<Record<WireVerb, string>> = {
  read: 'GET', list: 'LIST', scan: 'SCAN', write: 'POST', patch: 'PATCH', delete: 'DELETE', help: 'GET', head: 'HEAD',
}

function wireOf(id: string, verb: WireVerb, path: string, rootToken: string, { token = rootToken, data, upload, headers = {}, from = '127.0.0.1' }: RequestOptions, now: number): WireRequest {
  const isFolder = (verb === 'list' || verb === 'scan') && path !== '' && !path.endsWith('/')
  const jsonText = data === undefined || verb === 'read' || verb === 'list' ? null : encodeJson(data)
  return {
    id,
    verb,
    method: methods[verb],
    path: isFolder ? `${path}/` : path,
    namespace: headers['x-vault-namespace'] ?? '',
    token,
    data: data === undefined ? null : (parseJson(encodeJson(data)) as JsonObject),
    jsonText,
    query: '',
    headers: headers as WireHeaders,
    headerValues: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    wrapTtl: headers['x-vault-wrap-ttl'] ?? null,
    wrapFormat: headers['x-vault-wrap-format'] ?? null,
    remoteAddress: from,
    remotePort: 50_000,
    clientCertificate: () => null,
    clientCertificates: () => [],
    isTls: false,
    raw: null,
    upload: upload ?? null,
    receivedAt: now,
    client: { gone: false, signal: new AbortController().signal },
  }
}

function readAnswer({ status, body }: Awaited<ReturnType<typeof serve>>): Served {
  const text = body === null ? '' : typeof body === 'string' ? body : Buffer.from(body).toString('utf8')
  const parsed = text.startsWith('{') ? (parseJson(text) as JsonObject) : null
  const part = (name: string): JsonObject | null => (parsed?.[name] ?? null) as JsonObject | null
  const texts = (name: string): readonly string[] => (parsed?.[name] ?? []) as readonly string[]
  const data = part('data')
  return {
    status, text, body: parsed, data, keys: (data?.['keys'] ?? []) as readonly string[],
    auth: part('auth'), wrapInfo: part('wrap_info'), errors: texts('errors'), warnings: texts('warnings'),
  }
}
