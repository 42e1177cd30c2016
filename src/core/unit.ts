/**
 * A unit of work: everything that one request reads and writes, over as many stores as it needs (the mount's tree, tokens, leases),
 * committed at once. When something that it read has changed meanwhile, the work runs again.
 */
import { ApiError, Conflict } from '../kit/errors.ts'
import type { Store, Transaction } from '../kit/store.ts'
import { beginTransaction, type UnitTransaction } from '../storage/transaction.ts'

export interface Unit {
  /** The view of this unit on one store; the same store gives the same view. */
  readonly on: (store: Store) => Transaction
  /** Something is to be written. */
  readonly isDirty: () => boolean
  /** Commits what was written and resolves with the number of the commit; does nothing (0) when nothing was. */
  readonly commit: () => Promise<number>
}

export function beginUnit(): Unit {
  let work: UnitTransaction | null = null
  return {
    on(store) {
      if (work !== null) return work.on(store)
      work = beginTransaction(store)
      return work
    },
    isDirty: () => work?.isDirty === true,
    commit: async () => (work === null || !work.isDirty ? 0 : await work.commitWith()),
  }
}

const attemptsMax = 24

/** Runs `work` in a fresh unit and commits it; on a conflict again, from the start. What `work` throws ends it, and nothing is written. */
export async function withUnit<T>(work: (unit: Unit) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const unit = beginUnit()
    try {
      const result = await work(unit)
      await unit.commit()
      return result
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      if (attempt === attemptsMax) throw new ApiError('overloaded', 'too many requests change the same data; try again', { cause: error })
    }
  }
}
