/** Tidying: what crashes or bugs of old could have left behind. */
import { tidyFolders } from '../../core/leases/folders.ts'
import { repairLeaseCounts } from '../../core/leases/quotas.ts'
import { forgetStaleFailures } from '../../core/lockout.ts'
import { sweepExpired } from '../../core/leases/sweeper.ts'
import { resumeRevocations } from '../../core/tokens/revoke.ts'
import { reply } from '../../kit/result.ts'
import { systemPath } from '../call.ts'

const tidyStarted = "Tidy operation successfully started. Any information from the operation will be printed to Coffer's server logs."

const tidy = systemPath('tidy').write({
  summary: 'Finish interrupted revocations and forget empty indexes.',
  access: 'sudo',
  handle({ core, afterCommit }) {
    afterCommit(() => {
      const work = async (): Promise<void> => {
        await resumeRevocations(core)
        await sweepExpired(core)
        await tidyFolders(core)
        await repairLeaseCounts(core)
        await forgetStaleFailures(core)
      }
      work().catch((error: unknown) => core.host.log('error', 'token', 'tidy failed', { error: error instanceof Error ? error.message : 'unknown' }))
    })
    return reply({ status: 202, warnings: [tidyStarted] })
  },
})

export const tidyOperations = [tidy]
