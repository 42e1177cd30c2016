/** Rotation by time: keys whose latest version is older than they allow get a new one. */
import type { Chore, ChoreCall } from '../../kit/engine.ts'
import { rotated } from './generate.ts'
import { keys, rotatingFolder, writeKey, writeVersion, type KeyRecord } from './records.ts'

const everySeconds = 300
const namesAtATime = 500

export const autoRotation: Chore = {
  name: 'rotate-keys',
  everySeconds,
  async run(call) {
    for (let after = ''; ;) {
      const names = await call.store.list(rotatingFolder, { limit: namesAtATime, ...(after !== '' && { after }) })
      for (const name of names) {
        if (call.signal.aborted) return
        await rotateIfDue(call, name)
      }
      const last = names.at(-1)
      if (last === undefined || names.length < namesAtATime) return
      after = last
    }
  },
}

const isDue = (key: KeyRecord, now: number): boolean =>
  key.autoRotateSeconds > 0 && now >= key.rotatedAt + key.autoRotateSeconds * 1000 && !key.softDeleted && (!key.imported || key.importedRotation)

/** Each key is one commit. */
const rotateIfDue = ({ change, now, random }: ChoreCall, name: string): Promise<void> =>
  change(async (store) => {
    const before = await keys.read(store, name)
    if (before === null || !isDue(before, now)) return
    const { key, version } = await rotated(before, now, random)
    writeKey(store, key, before)
    writeVersion(store, key, key.latest, version)
  })
