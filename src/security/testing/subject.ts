/** A server with something of everything in it, and what each read of it answers: for tests that change or damage what lies below. */
import assert from 'node:assert/strict'
import { serveHarness, type HarnessOptions, type ServeHarness } from '../../request/testing/serve-harness.ts'
import type { Store } from '../../kit/store.ts'
import { clientToken } from './wire.ts'

interface Read {
  readonly verb: 'read' | 'list'
  readonly path: string
  readonly token: string
}

export interface Subject {
  readonly server: ServeHarness
  /** What each reads, and what it is. */
  readonly reads: readonly (Read & { readonly data: string })[]
  /** What must never be answered: its token was revoked, or it was deleted. */
  readonly gone: readonly Read[]
}

const perKind = 6
/** The data of an answer that has none, as that of the weak token where it may not read. */
const refusedText = 'null'

export async function filled(options: HarnessOptions = {}): Promise<Subject> {
  const server = await serveHarness(options)
  await server.ok('write', 'sys/mounts/kv1', { data: { type: 'kv' } })
  await server.ok('write', 'sys/mounts/kv2', { data: { type: 'kv', options: { version: '2' } } })
  const make = async (policy: string): Promise<string> =>
    clientToken(await server.ok('write', 'auth/token/create', { data: { policies: [policy], ttl: '1h' } }))
  const [weak, strong, revoked] = [await make('default'), await make('root'), await make('root')]
  for (let i = 0; i < perKind; i++) {
    await server.ok('write', `kv1/secret-${i}`, { data: { value: `kv1 value ${i}` } })
    await server.ok('write', `kv2/data/secret-${i}`, { data: { data: { value: `kv2 value ${i}` } } })
    await server.ok('write', `cubbyhole/secret-${i}`, { token: i % 2 === 0 ? weak : strong, data: { value: `cubbyhole value ${i}` } })
    await server.ok('write', `sys/policies/acl/policy-${i}`, { data: { policy: `path "a-${i}" { policy = "read" }` } })
  }
  await server.ok('write', 'kv1/deleted', { data: { value: 'deleted' } })
  await server.ok('delete', 'kv1/deleted')
  await server.ok('write', 'auth/token/revoke', { data: { token: revoked } })
  const reads: Subject['reads'][number][] = []
  for (const read of readsWith(weak, strong)) reads.push({ ...read, data: await textOf(server, read) })
  return { server, reads, gone: [{ verb: 'read', path: 'auth/token/lookup-self', token: revoked }, { verb: 'read', path: 'kv1/deleted', token: strong }] }
}

function readsWith(weak: string, strong: string): Read[] {
  const paths: (readonly ['read' | 'list', string, string])[] = [
    ['read', 'auth/token/lookup-self', weak], ['read', 'auth/token/lookup-self', strong], ['list', 'kv1/', strong],
    ['list', 'kv2/metadata/', strong], ['read', 'sys/mounts', strong], ['read', 'sys/mounts', weak],
  ]
  for (let i = 0; i < perKind; i++) paths.push(
    ['read', `kv1/secret-${i}`, strong], ['read', `kv2/data/secret-${i}`, strong],
    ['read', `cubbyhole/secret-${i}`, i % 2 === 0 ? weak : strong], ['read', `sys/policies/acl/policy-${i}`, strong],
    ['read', `kv1/secret-${i}`, weak]
  )
  return paths.map(([verb, path, token]) => ({ verb, path, token }))
}

async function textOf(server: ServeHarness, { verb, path, token }: Read): Promise<string> {
  return JSON.stringify((await server.request(verb, path, { token })).data)
}

/** Of the reads that were answered before: how many were refused, and in how many was nothing found, or less than there is. */
export interface Loss {
  refused: number
  hidden: number
}

/** Asks a process that has opened nothing yet. Whatever it answers must be what was there, or a part of that. */
export async function askAll({ server, reads, gone }: Subject, store: Store, what: string): Promise<Loss> {
  const victim = await server.sibling({ store }).catch(() => null)
  if (victim === null) return { refused: reads.length, hidden: 0 }
  const loss: Loss = { refused: 0, hidden: 0 }
  for (const { verb, path, token, data } of reads) {
    const answer = await victim.request(verb, path, { token })
    if (answer.status === 404) loss.hidden += 1
    else if (answer.status !== 200) loss.refused += data === refusedText ? 0 : 1
    else if (JSON.stringify(answer.data) !== data) {
      assert.ok(isPart(answer.data, JSON.parse(data)), `${what}: ${verb} ${path}: ${JSON.stringify(answer.data)}, not ${data}`)
      loss.hidden += 1
    }
  }
  for (const { verb, path, token } of gone) {
    const { status } = await victim.request(verb, path, { token })
    assert.ok(status >= 400, `${what}: ${verb} ${path}: ${status}`)
  }
  await victim.close()
  return loss
}

/** Whether a listing has nothing that was not there. Values of a secret are all or nothing. */
function isPart(found: unknown, whole: unknown): boolean {
  const [names, all] = [namesOf(found), namesOf(whole)]
  return names !== null && all !== null && names.every(([name, value]) => all.some(([other, as]) => other === name && as === value))
}

type Names = readonly (readonly [name: string, value: string])[]

/** Of a list, and of the table of mounts. */
function namesOf(data: unknown): Names | null {
  if (typeof data !== 'object' || data === null) return null
  const { keys } = data as { readonly keys?: unknown }
  if (Array.isArray(keys)) return keys.map((key) => [String(key), ''])
  return Object.keys(data).every((name) => name.endsWith('/')) ? Object.entries(data).map(([name, value]) => [name, JSON.stringify(value)]) : null
}
