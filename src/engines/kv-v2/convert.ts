/**
 * Takes over the secrets of version 1, in place. Each commit moves a bounded number of them, so that a crash loses nothing and the next run
 * goes on with what is left; the record of the mount says meanwhile that not everything is here yet.
 */
import { Conflict } from '../../kit/errors.ts'
import type { Store, Write } from '../../kit/store.ts'
import { values, valuesFolder } from '../kv-v1/records.ts'
import { walk } from '../walk.ts'
import { freshMount, mounts, newId, secrets, valueKey } from './records.ts'
import { addVersion, emptySecret } from './rules.ts'

/** A commit moves at most so many secrets, and ends when it holds so many bytes. */
const secretsAtATime = 100
const bytesAtATime = 4 * 1024 * 1024

export interface ConvertCall {
  readonly store: Store
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

/** Does nothing where there is nothing (more) to do. Safe to run on two nodes at once: what one moved is not there for the other. */
export async function convert(call: ConvertCall): Promise<void> {
  if (!(await begin(call.store))) return
  let paths: string[] = []
  for await (const path of walk(call.store, valuesFolder)) {
    paths.push(path)
    if (paths.length < secretsAtATime) continue
    await moveAll(call, paths)
    paths = []
  }
  await moveAll(call, paths)
  await call.store.commit([], [{ put: mounts.key(), value: mounts.encode(freshMount) }])
}

/** Marks the mount; `false` when it is of version 2 already. Writes of version 1 that are on their way fail from here on. */
async function begin(store: Store): Promise<boolean> {
  for (;;) {
    const entry = await store.get(mounts.key())
    if (entry !== null) return mounts.decode(entry).state === 'converting'
    const converting = mounts.encode({ ...freshMount, state: 'converting' })
    try {
      await store.commit([{ key: mounts.key(), version: 0 }], [{ put: mounts.key(), value: converting }])
      return true
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
    }
  }
}

async function moveAll(call: ConvertCall, paths: readonly string[]): Promise<void> {
  for (let done = 0; done < paths.length;) {
    try {
      done += await moveSome(call, paths.slice(done))
    } catch (error) {
      if (!(error instanceof Conflict)) throw error // another node moved some of them: look again
    }
  }
}

/** Moves the first of these secrets in one commit, and resolves with how many that were. */
async function moveSome({ store, now, random }: ConvertCall, paths: readonly string[]): Promise<number> {
  const expectations = []
  const writes: Write[] = []
  let bytes = 0
  let done = 0
  for (const path of paths) {
    if (bytes >= bytesAtATime) break
    done++
    const key = values.key(path)
    const entry = await store.get(key)
    if (entry === null) continue
    const made = { id: newId(random), createdAt: now, deletedAt: null, by: null }
    const { secret, version } = addVersion(emptySecret(newId(random), now), 1, made)
    expectations.push({ key, version: entry.version })
    writes.push({ del: key }, { put: secrets.key(path), value: secrets.encode(secret) })
    writes.push({ put: valueKey(secret.id, version.slot), value: entry.value })
    bytes += entry.value.length
  }
  if (writes.length > 0) await store.commit(expectations, writes)
  return done
}
