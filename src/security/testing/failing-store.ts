/** A store whose call number N fails, and a picture of what a server holds that differs whenever something is only half there. */
import { resumeConversions, resumeRemovals } from '../../core/mounts/change.ts'
import { treeOf } from '../../core/mounts/record.ts'
import { keysUnder } from '../../core/check/findings.ts'
import { opaqueStore } from '../../core/base.ts'
import { ApiError, Conflict } from '../../kit/errors.ts'
import type { Store, Write } from '../../kit/store.ts'
import { memoryStore } from '../../storage/memory.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'

/**
 * `lost`: a commit takes place and its answer is lost. `conflict`: a commit is told of a conflict that was none. `gone`: every later call
 * fails too, as after a crash.
 */
export type Fault = 'error' | 'lost' | 'conflict' | 'gone'

export interface FailingStore extends Store {
  /** The call number `at` (from 1) from now on fails; 0: none does. Only commits count for `lost` and `conflict`. */
  arm(fault: Fault, at: number): void
  readonly struck: boolean
}

export function failingStore(inner: Store): FailingStore {
  let [fault, left, struck] = ['error' as Fault, 0, false]
  const counts = (isCommit: boolean): boolean => {
    if (struck) return fault === 'gone'
    if (left === 0 || (!isCommit && (fault === 'lost' || fault === 'conflict'))) return false
    left -= 1
    struck = left === 0
    return struck
  }
  const failure = (): ApiError => new ApiError('overloaded', 'the storage does not answer')
  return {
    get struck() {
      return struck
    },
    arm(kind, at) {
      ;[fault, left, struck] = [kind, at, false]
    },
    async get(key) {
      if (counts(false)) throw failure()
      return await inner.get(key)
    },
    async list(prefix, options) {
      if (counts(false)) throw failure()
      return await inner.list(prefix, options)
    },
    async commit(expectations, writes) {
      if (!counts(true)) return await inner.commit(expectations, writes)
      if (fault === 'lost') await inner.commit(expectations, writes)
      if (fault === 'conflict' && expectations[0] !== undefined) throw new Conflict(expectations[0].key)
      if (fault === 'conflict') return await inner.commit(expectations, writes)
      throw failure()
    },
    watch: (prefix, from, signal) => inner.watch(prefix, from, signal),
    lastCommit: () => inner.lastCommit(),
  }
}

export async function copyOf(store: Store): Promise<Store> {
  const copy = memoryStore()
  const writes: Write[] = []
  for await (const key of keysUnder(store, '')) writes.push({ put: key, value: (await store.get(key))?.value ?? Buffer.alloc(0) })
  await copy.commit([], writes)
  return copy
}

/** Everything that the server does by itself after a failure. */
export async function settleServer(server: ServeHarness): Promise<void> {
  await server.sweep()
  await resumeRemovals(server.core)
  await resumeConversions(server.core)
  await server.sweep()
}

/** How many records there are of each kind, and in the tree of each mount. */
export async function pictureOf({ core }: ServeHarness): Promise<Readonly<Record<string, number>>> {
  const store = opaqueStore(core)
  const picture: Record<string, number> = {}
  for (const name of await store.list('')) {
    if (!name.endsWith('/') || name === 't/' || name === 'barrier/') continue
    for await (const _ of keysUnder(store, name)) picture[name] = (picture[name] ?? 0) + 1
  }
  const mounts = await core.mounts.list()
  for (const [path, tree] of [['', 'ns-root'], ...mounts.map(({ record }) => [record.path, treeOf(record)])]) {
    for await (const _ of keysUnder(store, `t/${tree}/r/`)) picture[`tree ${path}`] = (picture[`tree ${path}`] ?? 0) + 1
  }
  return picture
}
