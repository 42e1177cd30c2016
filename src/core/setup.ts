/** What a server needs before its first request: the fixed mounts, the policies that are always there, and the first root token. */
import { namedStore, opaqueStore } from './base.ts'
import type { Core } from './core.ts'
import { bumpGeneration } from './generation.ts'
import { setUp } from './mounts/change.ts'
import { writeMount, type MountRecord } from './mounts/record.ts'
import { defaultPolicy, responseWrappingPolicy } from './policies/builtin.ts'
import { policyRecords } from './policies/table.ts'
import { createToken, type MadeToken } from './tokens/create.ts'
import { newRootToken } from './tokens/ids.ts'
import { withUnit, type Unit } from './unit.ts'

const fixedMounts: readonly (Pick<MountRecord, 'path' | 'kind' | 'type' | 'description' | 'local'>)[] = [
  { path: 'sys/', kind: 'system', type: 'system', description: 'system endpoints used for control, policy and debugging', local: false },
  { path: 'cubbyhole/', kind: 'secret', type: 'cubbyhole', description: 'per-token private secret storage', local: true },
  { path: 'identity/', kind: 'system', type: 'identity', description: 'identity store', local: false },
  { path: 'auth/token/', kind: 'auth', type: 'token', description: 'token based credentials', local: false },
]

/** One commit; resolves with the root token. `rootTokenId` is chosen in dev mode only. */
export async function setUpCore(core: Core, rootTokenId?: string): Promise<MadeToken> {
  return await withUnit(async (unit) => {
    const named = unit.on(namedStore(core))
    for (const mount of fixedMounts) await writeFixedMount(core, unit, mount)
    for (const [name, text] of [['default', defaultPolicy], ['response-wrapping', responseWrappingPolicy]] as const) policyRecords.write(named, { name, text, modifiedAt: core.host.now(), version: 1 }, name)
    bumpGeneration(unit.on(opaqueStore(core)))
    return await createRootToken(core, unit, rootTokenId)
  })
}

async function writeFixedMount(core: Core, unit: Unit, mount: (typeof fixedMounts)[number]): Promise<void> {
  const prefix = mount.kind === 'auth' ? `auth_${mount.type}` : mount.type
  const record: MountRecord = {
    ...mount, accessor: `${prefix}_${Buffer.from(core.host.random(4)).toString('hex')}`, uuid: core.host.uuid(), seal_wrap: mount.type === 'system',
    external_entropy_access: false, options: null,
    config: {
      default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false,
      ...(mount.type === 'token' ? { token_type: 'default-service' } : {}),
      ...(mount.type === 'system' ? { passthrough_request_headers: ['Accept'] } : {}),
      ...(mount.type === 'identity' ? { passthrough_request_headers: ['Authorization'] } : {}),
    },
  }
  writeMount(unit.on(namedStore(core)), record)
  await setUp(core, unit, record)
}

/** A token that may do everything and never expires. */
export const createRootToken = async (core: Core, unit: Unit, id?: string): Promise<MadeToken> =>
  await createToken(core, unit, {
    id: id ?? newRootToken(core.host),
    type: 'service', path: id === undefined ? 'auth/token/root' : 'auth/token/create', displayName: id === undefined ? 'root' : 'token',
    policies: ['root'], metadata: null, ttl: 0, renewable: false, parent: null,
  })
