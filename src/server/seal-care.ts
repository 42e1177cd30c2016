/** What has to be seen to about automatic seals while a server is open: each has a copy of the root key, and what gives access to it stays alive. */
import type { SeveralSeals } from '../barrier/seals/several.ts'
import type { Core } from '../core/core.ts'
import { Conflict } from '../kit/errors.ts'
import { steadyNow } from './host.ts'

const againMs = 60_000

/** To be called every second. Throws what went wrong; then it is quiet for a minute. */
export function careForSeals(core: Core): () => Promise<void> {
  const { rewrap, renew, type = '' } = (core.keys.automatic ?? {}) as Partial<SeveralSeals>
  let [copiesAt, renewAt] = [0, 0]
  return async () => {
    const now = steadyNow()
    if (core.barrier.isSealed) [copiesAt, renewAt] = [0, 0]
    else if (rewrap !== undefined && now >= copiesAt) {
      copiesAt = now + againMs
      if (await complete(core, type, rewrap)) copiesAt = Infinity
    } else if (renew !== undefined && now >= renewAt) {
      renewAt = now + againMs
      const seconds = await renew()
      renewAt = seconds === null ? Infinity : now + seconds * 1000
    }
  }
}

/** Whether every seal has its copy now. */
async function complete(core: Core, type: string, rewrap: SeveralSeals['rewrap']): Promise<boolean> {
  let missing: readonly string[] = []
  const hasChanged = await core.barrier.reseal(type, async (rootKey, wrapped) => {
    const made = await rewrap(rootKey, wrapped)
    missing = made.missing
    return made.wrapped
  }).catch((error: unknown) => {
    if (error instanceof Conflict) return false // another process was first
    throw error
  })
  if (hasChanged) core.host.log('info', 'core', 'the root key is wrapped by the seals of the configuration', {})
  if (missing.length > 0) core.host.log('error', 'core', 'a seal has no copy of the root key under its present key, because it cannot be reached', { seals: missing.join(', ') })
  return missing.length === 0
}
