/** The id of this store, made with it: what `cluster_id` shows. */
import { createHash } from 'node:crypto'
import { namedStore } from '../../core/base.ts'
import type { Core } from '../../core/core.ts'
import { mountRecords } from '../../core/mounts/record.ts'

const known = new Map<string, string>()

/** A UUID that is the same for the life of the store, derived from the one of its fixed mount. */
export async function clusterId(core: Core): Promise<string> {
  const mount = await mountRecords.read(namedStore(core), 'sys/')
  const uuid = mount?.uuid ?? ''
  const id = known.get(uuid) ?? derivedFrom(uuid)
  known.set(uuid, id)
  return id
}

function derivedFrom(uuid: string): string {
  const hex = createHash('sha256').update(`cluster ${uuid}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
