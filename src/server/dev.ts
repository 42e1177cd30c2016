/** Vault's dev mode: in memory, initialised and unsealed at once, a root token of one's choice, KV version 2 at `secret/`. */
import { randomBytes } from 'node:crypto'
import { shamirSeal } from '../barrier/seals/shamir.ts'
import type { Core } from '../core/core.ts'
import { enableMount } from '../core/mounts/change.ts'
import { setUpCore } from '../core/setup.ts'
import { newServiceToken } from '../core/tokens/ids.ts'
import { withUnit } from '../core/unit.ts'

export interface DevResult {
  readonly rootToken: string
  /** Base64, as it is shown. */
  readonly unsealKey: string
}

/** Initialises with one share of one, unseals, and mounts `secret/`. */
export async function startDev(core: Core, rootTokenId: string | null): Promise<DevResult> {
  const key = randomBytes(32)
  const seal = shamirSeal(key)
  const token = await core.barrier.initialize({ seal, config: { shares: 1, threshold: 1 } }, null, () => setUpCore(core, rootTokenId ?? newServiceToken(core.host)))
  const record = await core.barrier.readSeal()
  const rootKey = record === null ? null : await seal.unwrap(record.wrapped)
  if (rootKey === null) throw new Error('a dev server could not unseal itself')
  await core.barrier.unseal(rootKey)
  rootKey.fill(0)
  await mountSecret(core)
  return { rootToken: token.id, unsealKey: key.toString('base64') }
}

/** KV version 2 at `secret/`, as dev servers and first starts have it. */
export const mountSecret = (core: Core): Promise<unknown> =>
  withUnit((unit) =>
    enableMount(core, unit, {
      path: 'secret/', kind: 'secret', type: 'kv', description: 'key/value secret storage', local: false, sealWrap: false, externalEntropy: false,
      options: { version: '2' }, config: { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false },
    }),
  )
