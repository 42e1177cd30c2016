/** The id of this store, made with it: what `cluster_id` shows. */
import { createHash } from 'node:crypto'
import { namedStore } from '../../core/base.ts'
import type { Core } from '../../core/core.ts'
import { mountRecords } from '../../core/mounts/record.ts'

/** A store with another id has other keys, so it is read once for each time that keys are taken over. */
const known = new WeakMap<Core, { readonly keyChanges: number; readonly id: string }>()

/** A UUID that is the same for the life of the store, derived from the one of its fixed mount. A promise only where it has to be read. */
export function clusterId(core: Core): string | Promise<string> {
  const { keyChanges } = core.barrier
  const kept = known.get(core)
  return kept?.keyChanges === keyChanges ? kept.id : readClusterId(core, keyChanges)
}

async function readClusterId(core: Core, keyChanges: number): Promise<string> {
  const mount = await mountRecords.read(namedStore(core), 'sys/')
  const id = derivedFrom(mount?.uuid ?? '')
  if (mount !== null) known.set(core, { keyChanges, id })
  return id
}

function derivedFrom(uuid: string): string {
  const hex = createHash('sha256').update(`cluster ${uuid}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
