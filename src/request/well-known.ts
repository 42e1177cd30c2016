/** Protocols that begin at `/.well-known/` (RFC 8615): which path of which mount is meant. */
import type { Core } from '../core/core.ts'
import { beginUnit } from '../core/unit.ts'

/** `path` stands below `/.well-known/`, still encoded. Null where no mount serves it. Throws while sealed. */
export async function findWellKnown(core: Core, path: string): Promise<string | null> {
  for (const { engine } of core.registry.all) {
    if (engine.kind !== 'secret' || engine.wellKnown === undefined) continue
    for (const { record, store } of await core.mounts.ofType('secret', engine.type)) {
      const place = await engine.wellKnown({ store: beginUnit().on(store), path })
      if (place !== null) return record.path + place
    }
  }
  return null
}
