/** KV at `secret/`, as dev servers and first starts have it. */
import type { Core } from '../core/core.ts'
import { enableMount } from '../core/mounts/change.ts'
import { withUnit } from '../core/unit.ts'

export const mountSecret = (core: Core, version: '1' | '2'): Promise<unknown> =>
  withUnit((unit) =>
    enableMount(core, unit, {
      path: 'secret/', kind: 'secret', type: 'kv', description: 'key/value secret storage', local: false, sealWrap: false, externalEntropy: false,
      options: { version }, config: { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false },
    }),
  )
