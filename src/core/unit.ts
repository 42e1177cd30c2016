/**
 * A unit of work: everything that one request reads and writes, over as many stores as it needs (the mount's tree, tokens, leases),
 * committed at once. When something that it read has changed meanwhile, the work runs again.
 */
import { ApiError, Conflict } from '../kit/errors.ts'
import type { Store, Transaction } from '../kit/store.ts'
import { commitTogether, type Part } from '../storage/layered.ts'
import { beginTransaction, type OpenTransaction } from '../storage/transaction.ts'

export interface Unit {
  /** The view of this unit on one store; the same store gives the same view. */
  readonly on: (store: Store) => Transaction
  readonly isDirty: () => boolean
  /** Commits what was written and resolves with the number of the commit; does nothing (0) when nothing was. */
  readonly commit: () => Promise<number>
}

export function beginUnit(): Unit {
  const views = new Map<Store, OpenTransaction>()
  const isDirty = (): boolean => {
    for (const view of views.values()) if (view.isDirty) return true
    return false
  }
  return {
    on(store) {
      const known = views.get(store)
      if (known !== undefined) return known
      const made = beginTransaction(store)
      views.set(store, made)
      return made
    },
    isDirty,
    async commit() {
      if (!isDirty()) return 0
      const parts: Part[] = []
      for (const [store, view] of views) parts.push({ store, ...view.batch() })
      return await commitTogether(parts)
    },
  }
}

const attemptsMax = 24

/**
 * Runs `work` in a fresh unit and commits it; on a conflict again, from the start. `prepare` runs between the two, once the work of an
 * attempt is done and before its commit (the audit entry of a write must be on disk before its effect).
 */
export async function withUnit<T>(work: (unit: Unit) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const unit = beginUnit()
    const result = await work(unit)
    try {
      await unit.commit()
      return result
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      if (attempt === attemptsMax) throw new ApiError('overloaded', 'too many requests change the same data; try again', { cause: error })
    }
  }
}
