/** How many certificates are kept. They are counted now and then where that is switched on, and not by every change, which would make all changes wait for one record. */
import type { Chore, ChoreCall } from '../../kit/engine.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { certificatesFolder } from './certificates.ts'
import { revokedFolder } from './revoked.ts'
import { readAutoTidy } from './tidy-config.ts'

interface Counts {
  readonly certificates: number
  readonly revoked: number
}

const counts = records<Counts, []>(() => '.counts')

/** Null while nobody counts. */
export const readCounts = (store: Pick<Transaction, 'get'>): Promise<Counts | null> => counts.read(store)

const pageMax = 1000

async function countNames({ store, signal }: ChoreCall, folder: string): Promise<number> {
  let counted = 0
  for (let after = ''; !signal.aborted; ) {
    const names = await store.list(folder, { after, limit: pageMax })
    counted += names.length
    const last = names.at(-1)
    if (last === undefined || names.length < pageMax) break
    after = last
  }
  return counted
}

export const countChore: Chore = {
  name: 'count certificates',
  everySeconds: 300,
  async run(call) {
    const isWanted = await call.change(async (store) => (await readAutoTidy(store)).maintain_stored_certificate_counts)
    const found = isWanted ? { certificates: await countNames(call, certificatesFolder), revoked: await countNames(call, revokedFolder) } : null
    if (call.signal.aborted) return
    await call.change(async (store) => {
      if (found !== null) counts.write(store, found)
      else if ((await readCounts(store)) !== null) counts.remove(store)
    })
  },
}
