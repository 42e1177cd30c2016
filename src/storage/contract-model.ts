/** The part of the contract suite that runs random commits, reads and lists beside the simplest model that could be right. */
import assert from 'node:assert/strict'
import { Conflict } from '../kit/errors.ts'
import type { Expectation, ListOptions, Store, Write } from '../kit/store.ts'
import { bytes, type Requirement, textOf } from './contract-parts.ts'
import { seededRandom } from './seeded.ts'

const segments = ['a', 'b', 'a-', 'a0', 'ab', '', '.', ' ', 'é', '\uffff', '😀', 'z']

interface Model {
  readonly values: Map<string, { text: string; version: number }>
}

type Choose = <T>(from: readonly T[]) => T

export function modelContract(requirement: Requirement): void {
  for (const seed of [1, 2, 3]) {
    requirement(`random commits, reads and lists agree with a model (seed ${seed})`, (store) => compare(store, seed))
  }
}

async function compare(store: Store, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const choose: Choose = (from) => from[Math.floor(random() * from.length)] as never
  const model: Model = { values: new Map() }
  for (let step = 0; step < 250; step += 1) {
    await commitBoth(store, model, choose, `${seed}-${step}`)
    const key = randomKey(choose)
    assert.deepEqual(textOf((await store.get(key))?.value), model.values.get(key)?.text)
    const folder = randomFolder(choose)
    const options = randomPage(choose)
    assert.deepEqual(await store.list(folder, options), listModel(model, folder, options), JSON.stringify({ seed, step, folder, options }))
  }
}

async function commitBoth(store: Store, model: Model, choose: Choose, text: string): Promise<void> {
  const keys = new Set(Array.from({ length: choose([1, 1, 2, 5]) }, () => randomKey(choose)))
  const versionOf = (key: string): number => model.values.get(key)?.version ?? 0
  const expected = [...keys].slice(0, choose([0, 1, 2]))
  const expectations: Expectation[] = expected.map((key) => ({ key, version: versionOf(key) + choose([0, 0, 0, 0, 1]) }))
  const holds = expectations.every(({ key, version }) => version === versionOf(key))
  const put = (key: string): Write => ({ put: key, value: bytes(text) })
  const writes = [...keys].map((key): Write => choose([put(key), put(key), { del: key }, { merge: key, by: append }]))
  if (!holds) return await assert.rejects(store.commit(expectations, writes), Conflict)
  const version = await store.commit(expectations, writes)
  for (const write of writes) applyModel(model, write, version)
}

function applyModel({ values }: Model, write: Write, version: number): void {
  if ('put' in write) values.set(write.put, { text: textOf(write.value) ?? '', version })
  else if ('del' in write) values.delete(write.del)
  else values.set(write.merge, { text: `${values.get(write.merge)?.text ?? ''}+`, version })
}

const append = (current: Uint8Array | null): Uint8Array => bytes(`${textOf(current ?? undefined) ?? ''}+`)

function listModel({ values }: Model, prefix: string, { after, limit, reverse = false }: ListOptions): string[] {
  const names = new Set<string>()
  for (const key of values.keys()) {
    if (!key.startsWith(prefix)) continue
    const slash = key.indexOf('/', prefix.length)
    names.add(slash < 0 ? key.slice(prefix.length) : key.slice(prefix.length, slash + 1))
  }
  const order = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other)) * (reverse ? -1 : 1)
  return [...names].sort(order).filter((name) => after === undefined || order(after, name) < 0).slice(0, limit)
}

function randomKey(choose: Choose): string {
  const key = Array.from({ length: choose([1, 2, 2, 3]) }, () => choose(segments)).join('/')
  return key === '' || key.endsWith('/') ? `${key}end` : key
}

const randomFolder = (choose: Choose): string => Array.from({ length: choose([0, 0, 1, 2]) }, () => `${choose(segments)}/`).join('')

function randomPage(choose: Choose): ListOptions {
  const after = choose([undefined, choose(segments), `${choose(segments)}/`, `${choose(segments)}/${choose(segments)}`])
  const limit = choose([undefined, 0, 1, 2, 5])
  return { reverse: choose([true, false]), ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) }
}
