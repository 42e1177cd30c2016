/** Rotation by time: keys whose latest version is older than they allow get a new one. */
import { randomBytes } from 'node:crypto'
import type { Chore } from '../../kit/engine.ts'
import { Conflict } from '../../kit/errors.ts'
import type { Store } from '../../kit/store.ts'
import { rotated } from './generate.ts'
import { keys, rotatingFolder, versions, type KeyRecord } from './records.ts'

const everySeconds = 300
const namesAtATime = 500

export const autoRotation: Chore = {
  name: 'rotate-keys',
  everySeconds,
  async run({ store, now }) {
    for (let after = ''; ;) {
      const names = await store.list(rotatingFolder, { limit: namesAtATime, ...(after !== '' && { after }) })
      for (const name of names) await rotateIfDue(store, name, now)
      const last = names.at(-1)
      if (last === undefined || names.length < namesAtATime) return
      after = last
    }
  },
}

const isDue = (key: KeyRecord, now: number): boolean =>
  key.autoRotateSeconds > 0 && now >= key.rotatedAt + key.autoRotateSeconds * 1000 && !key.softDeleted && (!key.imported || key.importedRotation)

/** Each key is one commit. Whoever changes the key at the same time goes first; the key is looked at again at the next turn. */
async function rotateIfDue(store: Store, name: string, now: number): Promise<void> {
  const entry = await store.get(keys.key(name))
  if (entry === null) return
  const before = keys.decode(entry)
  if (!isDue(before, now)) return
  const { key, version } = await rotated(before, now, randomBytes)
  const writes = [
    { put: keys.key(name), value: keys.encode(key) },
    { put: versions.key(key.id, String(key.latest)), value: versions.encode(version) },
  ]
  try {
    await store.commit([{ key: keys.key(name), version: entry.version }], writes)
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
  }
}
