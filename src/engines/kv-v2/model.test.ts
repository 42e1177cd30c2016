/** A versioned store in the simplest words, and the engine beside it: after any sequence of requests both say the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Json, JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { harness } from '../testing/harness.ts'
import { walk } from '../walk.ts'
import { kvV2 } from './index.ts'
import { secrets } from './records.ts'

interface ModelVersion {
  data: JsonObject
  deletedAt: number | null
  destroyed: boolean
}
interface ModelSecret {
  current: number
  max: number
  lifetime: number
  casRequired: boolean
  versions: Map<number, ModelVersion>
}

/** What a request should answer: a status, and for reads the data. */
interface Expected {
  readonly status: number
  readonly data?: Json
  readonly version?: number
}

class Model {
  readonly secrets = new Map<string, ModelSecret>()
  max = 0
  lifetime = 0
  now = 0

  secret(path: string): ModelSecret {
    const empty = { current: 0, max: 0, lifetime: 0, casRequired: false, versions: new Map<number, ModelVersion>() }
    const known = this.secrets.get(path) ?? empty
    this.secrets.set(path, known)
    return known
  }
  deletion(secret: ModelSecret): number | null {
    if (this.lifetime < 0 || (this.lifetime === 0 && secret.lifetime === 0)) return null
    return this.now + Math.min(this.lifetime || Infinity, secret.lifetime || Infinity) * 1000
  }
  isGone(version: ModelVersion): boolean {
    return version.destroyed || (version.deletedAt !== null && version.deletedAt <= this.now)
  }
  add(path: string, data: JsonObject): Expected {
    const secret = this.secret(path)
    secret.current++
    secret.versions.set(secret.current, { data, deletedAt: this.deletion(secret), destroyed: false })
    const kept = Math.max(secret.max, this.max) || 10
    for (const number of secret.versions.keys()) if (number <= secret.current - kept) secret.versions.delete(number)
    return { status: 200, version: secret.current }
  }
  write(path: string, data: JsonObject, cas: number | undefined): Expected {
    const known = this.secrets.get(path)
    if (cas === undefined ? known?.casRequired === true : cas !== (known?.current ?? 0)) return { status: 400 }
    return this.add(path, data)
  }
  patch(path: string, data: JsonObject, cas: number | undefined): Expected {
    const known = this.secrets.get(path)
    if (known === undefined) return { status: 404 }
    if (cas === undefined ? known.casRequired : cas !== known.current) return { status: 400 }
    const version = known.versions.get(known.current)
    if (version === undefined || this.isGone(version)) return { status: 404 }
    const merged = { ...version.data, ...data }
    return this.add(path, Object.fromEntries(Object.entries(merged).filter(([key, value]) => value !== null || data[key] === undefined)))
  }
  read(path: string, number: number): Expected {
    const known = this.secrets.get(path)
    const version = known?.versions.get(number > 0 ? number : known.current)
    if (version === undefined) return { status: 404 }
    return this.isGone(version) ? { status: 404, data: null } : { status: 200, data: version.data }
  }
  change(path: string, numbers: readonly number[], change: (version: ModelVersion) => void): Expected {
    for (const number of numbers) {
      const version = this.secrets.get(path)?.versions.get(number)
      if (version !== undefined && !version.destroyed) change(version)
    }
    return { status: 204 }
  }
  delete(path: string, numbers: readonly number[]): Expected {
    return this.change(path, numbers, (version) => {
      if (!this.isGone(version)) version.deletedAt = this.now
    })
  }
}

type Command =
  | { readonly do: 'write' | 'patch'; readonly path: string; readonly data: JsonObject; readonly cas: number | undefined }
  | { readonly do: 'read'; readonly path: string; readonly number: number }
  | { readonly do: 'delete' | 'undelete' | 'destroy'; readonly path: string; readonly numbers: readonly number[] }
  | { readonly do: 'deleteCurrent' | 'remove'; readonly path: string }
  | { readonly do: 'settings'; readonly path: string; readonly max: number; readonly lifetime: number; readonly casRequired: boolean }
  | { readonly do: 'config'; readonly max: number; readonly lifetime: number }
  | { readonly do: 'wait'; readonly milliseconds: number }

const path = fc.constantFrom('a', 'a/b')
const numbers = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 3 })
const data = fc.dictionary(fc.constantFrom('x', 'y'), fc.oneof(fc.integer(), fc.constant(null)), { maxKeys: 2 }).map((o) => ({ ...o }))
// Mostly none: a wrong one only shows that it is refused.
const cas = fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 4 }) })
const max = fc.integer({ min: 0, max: 4 })
const seconds = fc.constantFrom(0, 0, 1, 3)
const rarely = fc.constantFrom(false, false, false, true)
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('write', 'write', 'patch'), path, data, cas }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read'), path, number: fc.integer({ min: -1, max: 8 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('delete', 'undelete', 'destroy'), path, numbers }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('deleteCurrent', 'remove'), path }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settings'), path, max, lifetime: seconds, casRequired: rarely }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('config'), max, lifetime: fc.constantFrom(-1, 0, 2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), milliseconds: fc.integer({ min: 1, max: 2_500 }) }) },
) as fc.Arbitrary<Command>

function expectedOf(model: Model, c: Command): Expected {
  switch (c.do) {
    case 'write': return model.write(c.path, c.data, c.cas)
    case 'patch': return model.patch(c.path, c.data, c.cas)
    case 'read': return model.read(c.path, c.number)
    case 'delete': return model.delete(c.path, c.numbers)
    case 'deleteCurrent': return model.delete(c.path, [model.secrets.get(c.path)?.current ?? 0])
    case 'undelete': return model.change(c.path, c.numbers, (version) => (version.deletedAt = model.deletion(model.secret(c.path))))
    case 'destroy': return model.change(c.path, c.numbers, (version) => (version.destroyed = true))
    case 'remove':
      model.secrets.delete(c.path)
      return { status: 204 }
    case 'settings':
      Object.assign(model.secret(c.path), { max: c.max, lifetime: c.lifetime, casRequired: c.casRequired })
      return { status: 204 }
    case 'config':
      Object.assign(model, { max: c.max, lifetime: c.lifetime })
      return { status: 204 }
    case 'wait': return { status: 0 }
  }
}

const optionsOf = (given: number | undefined): Json => (given === undefined ? {} : { cas: given })

function requestOf(c: Exclude<Command, { do: 'wait' }>): [method: string, path: string, body?: Json] {
  switch (c.do) {
    case 'write': return ['POST', `data/${c.path}`, { data: c.data, options: optionsOf(c.cas) }]
    case 'patch': return ['PATCH', `data/${c.path}`, { data: c.data, options: optionsOf(c.cas) }]
    case 'read': return ['GET', `data/${c.path}?version=${c.number}`]
    case 'delete':
    case 'undelete':
    case 'destroy': return ['POST', `${c.do}/${c.path}`, { versions: c.numbers }]
    case 'deleteCurrent': return ['DELETE', `data/${c.path}`]
    case 'remove': return ['DELETE', `metadata/${c.path}`]
    case 'settings':
      return ['POST', `metadata/${c.path}`, { max_versions: c.max, delete_version_after: c.lifetime, cas_required: c.casRequired }]
    case 'config': return ['POST', 'config', { max_versions: c.max, delete_version_after: c.lifetime }]
  }
}

/** Every version that has data has an entry, and every entry belongs to such a version. */
async function checkStore(store: Store): Promise<void> {
  const expected: string[] = []
  const found: string[] = []
  for await (const key of walk(store, '')) {
    if (key.startsWith('.versions/')) found.push(key)
    if (!key.startsWith('secrets/')) continue
    const secret = await secrets.read(beginTransaction(store), key.slice('secrets/'.length))
    for (const version of secret?.versions ?? []) if (version.state === 'live') expected.push(`.versions/${secret?.id}/${version.slot}`)
  }
  assert.deepEqual(found.sort(), expected.sort())
}

test('the engine does what the model says, and leaves neither lost nor orphaned data', async () => {
  const property = fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), async (commands) => {
    const store = memoryStore()
    const kv = harness({ engine: kvV2, store, begin: beginTransaction })
    await kv.setUp()
    const model = new Model()
    for (const c of commands) {
      model.now = kv.clock.now
      const expected = expectedOf(model, c)
      if (c.do === 'wait') {
        kv.clock.now += c.milliseconds
        continue
      }
      const answer = await kv.send(...requestOf(c))
      assert.equal(answer.status, expected.status, JSON.stringify(c))
      if (expected.data !== undefined) assert.deepEqual(answer.data?.['data'], expected.data)
      else if (c.do === 'read') assert.equal(answer.data, null)
      if (expected.version !== undefined) assert.equal(answer.data?.['version'], expected.version)
    }
    await checkStore(store)
    const shown = ((await kv.send('SCAN', 'metadata')).data?.['keys'] ?? []) as readonly string[]
    assert.deepEqual(shown, [...model.secrets.keys()].sort())
  })
  await fc.assert(property, { seed: 31_415, numRuns: 300 })
})
