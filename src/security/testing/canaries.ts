/**
 * Requests of every operation that are full of secrets, each of which can be told from anything else, and the places where none of them may be seen
 * afterwards: audit files, the log, errors, figures.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findInRaw } from '../../core/check/raw.ts'
import { engines } from '../../engines/list.ts'
import type { Field } from '../../kit/fields.ts'
import type { Json, JsonObject } from '../../kit/json.ts'
import type { Operation } from '../../kit/operation.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness, Served } from '../../request/testing/serve-harness.ts'
import type { WireVerb } from '../../request/wire.ts'
import { seededRandom } from '../../storage/seeded.ts'
import { badAuth, lessor } from './lessor.ts'
import { clientToken } from './wire.ts'

export interface Audited {
  readonly server: ServeHarness
  /** What the devices have written so far. */
  readonly lines: () => Promise<string>
  readonly folder: string
}

/** A server that writes two audit files: one with every option that hides less. */
export async function withAudit(work: (audited: Audited) => Promise<void>, engines = [badAuth, lessor().engine]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-leaks-'))
  try {
    await withServer(async (server) => {
      for (const name of ['plain', 'sync']) {
        await server.ok(
          'write', `sys/audit/${name}`,
          { data: {
            type: 'file',
            options: {
              file_path: join(folder, `${name}.log`), ...(name === 'sync' ? { fsync: 'true', elide_list_responses: 'true' } : {}),
            },
          } }
        )
      }
      const files = ['plain', 'sync'].map((name) => join(folder, `${name}.log`))
      await work({ server, lines: () => settledText(server, files), folder })
    }, { engines, settings: { auditOverApi: true, rawStorageEndpoint: true } })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What the files hold once nothing waits for a device and they grow no more: an answer waits for one device, not for all of them. */
async function settledText({ core }: ServeHarness, files: readonly string[]): Promise<string> {
  for (let before = ''; ; ) {
    const isIdle = core.audit.status().every(({ waiting }) => waiting === 0)
    const text = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n')
    if (isIdle && text === before) return text
    before = text
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What every secret that is sent begins with: nothing else could have made it, and it looks the same however the rest is escaped. */
export const mark = 'CanaryText'

export function canaries() {
  let count = 0
  return { count: () => count, next: () => `${mark}${count++}/+"é\\n` }
}

export type Style = 'right' | 'wrong type' | 'wrong shape'

/**
 * A value for a field. Secret ones always carry a canary; of the others, those whose type the text does not have: what cannot be parsed
 * must not be repeated.
 */
export function valueFor(name: string, field: Field<unknown>, style: Style, next: () => string): Json {
  const hides = field.secret || field.type === 'any'
  if (style === 'wrong type') return field.type === 'string' || field.type === 'array' ? { key: next() } : next()
  if (style === 'wrong shape') return field.type === 'array' ? [{ key: next() }] : [[next()], { key: next() }]
  if (field.type === 'string') return hides ? next() : sensible[name] ?? 'name'
  if (field.type === 'object') return { [name === 'options' ? 'version' : 'key']: hides || name === 'data' ? next() : '1' }
  if (field.type === 'array') return hides ? [next()] : ['name']
  if (field.type === 'any') return next()
  return field.type === 'boolean' ? false : 1
}

const sensible: Readonly<Record<string, string>> = {
  type: 'kv', policy: 'path "a" { policy = "read" }', rules: 'path "a" { policy = "read" }', ttl: '1h', period: '', format: 'base64',
  encoding: '', level: 'info', from: 'kv/', to: 'kv-new/', lease_id: 'a/b',
}

/** Names for the path itself: these stand in audit lines by design. */
export const placeOf = (operation: Operation): string => operation.path.replaceAll(/\{\w+\*?\}/g, 'name')

export function bodyFor({ input, arbitraryInput }: Operation, style: Style, next: () => string): JsonObject {
  const body = Object.fromEntries(Object.entries(input).map(([name, field]) => [name, valueFor(name, field, style, next)]))
  const deep = { list: [next(), [next(), { inner: next() }]], number: 12345.5, text: next() }
  return arbitraryInput ? {
    ...body, ...(style === 'right' ? {} : deep), free: next(), data: { password: next(), ...deep },
  } : { ...body, [`unknown_field`]: next() }
}

/** These end the server, or take away what the others are asked of. */
const destructive = new Set([
  'seal', 'init', 'rotate', 'rotate/keyring', 'monitor', 'step-down', 'audit/{path*}', 'auth/{path*}', 'mounts/{path*}', 'revoke-self',
  'raw/{path*}', 'remount',
])
const isAsked = ({ path, verb }: Operation): boolean => !(destructive.has(path) && verb !== 'read' && verb !== 'list') && path !== 'monitor'

export async function everyOperation(server: ServeHarness, ask: (mountPath: string, operation: Operation) => Promise<void>): Promise<number> {
  let count = 0
  for (const mount of await server.core.mounts.list()) {
    for (const operation of mount.registered?.engine.operations ?? []) {
      if (!isAsked(operation)) continue
      await ask(mount.record.path, operation)
      count += 1
    }
  }
  return count
}

export async function mountEverything(server: ServeHarness): Promise<void> {
  for (const [path, type, version] of [
    ['kv1', 'kv', '1'], ['kv2', 'kv', '2'], ['db', 'lessor', ''],
  ] as const) await server.ok('write', `sys/mounts/${path}`, { data: { type, ...(version === '' ? {} : { options: { version } }) } })
  for (const { type } of engines) if (type !== 'kv' && type !== 'cubbyhole') await server.ok('write', `sys/mounts/${type}`, { data: { type } })
  for (const type of ['userpass', 'approle', 'bad-auth']) await server.ok('write', `sys/auth/${type}`, { data: { type } })
  await server.ok('write', 'auth/userpass/users/name', { data: { password: 'battery staple' } })
  await server.ok('write', 'auth/approle/role/name', { data: { role_id: 'role' } })
}

/** Credentials that an answer holds. */
export function secretsIn({ body, auth, wrapInfo }: Served): string[] {
  const data = (body?.['data'] ?? {}) as JsonObject
  const found = [
    auth?.['client_token'], auth?.['accessor'], wrapInfo?.['token'], wrapInfo?.['accessor'], data['secret_id'], data['secret_id_accessor'],
    data['random_bytes'], data['password'], data['otp'],
  ]
  return found.filter((secret): secret is string => typeof secret === 'string' && secret.length >= 6)
}

export function assertNone(bytes: Buffer, needles: readonly string[], what: string): void {
  const found = findInRaw(bytes, [...new Set(needles)])
  const around = (offset: number): string => bytes.subarray(Math.max(0, offset - 300), offset + 60).toString('utf8')
  const shown = found.slice(0, 5).map(({ offset, form }) => `${form}: ${around(offset)}`)
  assert.equal(found.length, 0, `${what}: readable are ${found.length}: ${shown.join('\n')}`)
}

/** So many requests: any operation, in any style, some of them wrapped, by somebody who may do everything. Fails when a secret is seen anywhere. */
export async function askAtRandom(count: number, seed: number): Promise<{ readonly sent: number; readonly answered: number }> {
  const random = seededRandom(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const make = canaries()
  let sent = 0
  const answered: string[] = []
  await withAudit(async ({ server, lines }) => {
    await mountEverything(server)
    const operations: { readonly mount: string; readonly operation: Operation }[] = []
    await everyOperation(server, async (mount, operation) => void operations.push({ mount, operation }))
    const told: string[] = []
    for (let i = 0; i < count; i++) {
      const token = i % 50 === 0 ? clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['root'] } })) : server.rootToken
      const { mount, operation } = pick(operations)
      const data = mixedBody(operation, random, make.next)
      sent += JSON.stringify(data).split(mark).length - 1
      const headers: Record<string, string> = random() < 0.2 ? { 'x-vault-wrap-ttl': '60s' } : {}
      const answer = await server.request(operation.verb as WireVerb, mount + placeOf(operation), { token, data, headers })
      answered.push(...secretsIn(answer))
      if (answer.status >= 400) told.push(...answer.errors)
    }
    const figures = (await server.request('read', 'sys/metrics', { data: { format: 'prometheus' } })).text
    const hidden = [mark, ...answered]
    assertNone(Buffer.from(await lines()), hidden, 'in the audit files')
    assertNone(Buffer.from(server.logged.join('\n')), hidden, 'in the log')
    assertNone(Buffer.from(figures), hidden, 'in the figures')
    assertNone(Buffer.from(told.join('\n')), [mark], 'in errors')
  })
  return { sent, answered: answered.length }
}

/** Each field in a style of its own. */
function mixedBody(operation: Operation, random: () => number, next: () => string): JsonObject {
  const styles = ['right', 'right', 'wrong type', 'wrong shape'] as const
  const bodies = styles.map((style) => bodyFor(operation, style, next))
  const names = Object.keys(bodies[0] ?? {})
  return Object.fromEntries(names.filter(() => random() < 0.7).map((name) => [name, bodies[Math.floor(random() * styles.length)]?.[name] ?? next()]))
}
