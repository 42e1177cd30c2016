/** Tidying on request: the same work as the chore, at once and beside the requests. */
import { path } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'
import type { Store } from '../../kit/store.ts'
import { tidySecretIds } from './drop.ts'

const running = new WeakSet<Store>()

/** Does not wait. A failure is no loss: the chore does the rest. */
function tidyInBackground(store: Store, now: number): void {
  if (running.has(store)) return
  running.add(store)
  tidySecretIds(store, now).catch(() => undefined).finally(() => running.delete(store))
}

export const tidy = path('tidy/secret-id').write({
  summary: 'Remove secret ids that have expired or whose role is gone.',
  handle({ now, afterCommit }) {
    afterCommit((store) => tidyInBackground(store, now))
    return reply({ status: 202, warnings: ["Tidy operation successfully started. Any information from the operation will be printed to Coffer's server logs."] })
  },
})
