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

/**
 * Asks a process that has opened nothing yet. Whatever answers must be what it was, and everything else must be an error. Resolves with how many were.
 */
export async function askAll({ server, reads, gone }: Subject, store: Store, what: string): Promise<number> {
  const victim = await server.sibling({ store }).catch(() => null)
  if (victim === null) return reads.length
  let refused = 0
  for (const { verb, path, token, data } of reads) {
    const answer = await victim.request(verb, path, { token })
    if (answer.status === 200) assert.equal(JSON.stringify(answer.data), data, `${what}: ${verb} ${path}`)
    else if (data !== refusedText) refused += 1
  }
  for (const { verb, path, token } of gone) {
    const { status } = await victim.request(verb, path, { token })
    assert.ok(status >= 400, `${what}: ${verb} ${path}: ${status}`)
  }
  await victim.close()
  return refused
}
