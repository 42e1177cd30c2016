/** Protocols that begin at `/.well-known/` (RFC 8615): which path of which mount is meant. */
import type { Core } from '../core/core.ts'
import { beginUnit } from '../core/unit.ts'

/** `path` stands below `/.well-known/`, still encoded. Null where no mount serves it. Throws while sealed. */
export async function findWellKnown(core: Core, path: string): Promise<string | null> {
  for (const { record, registered, store } of await core.mounts.list('secret')) {
    const place = (await registered?.engine.wellKnown?.({ store: beginUnit().on(store), path })) ?? null
    if (place !== null) return record.path + place
  }
  return null
}
