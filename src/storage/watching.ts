/** `Store.watch` over a log of changes: catching up, then waiting for the next commit. */
import type { Change } from '../kit/store.ts'
import { ApiError } from '../kit/errors.ts'

export interface ChangeLog {
  /**
   * Changes of commits later than `from`, in order, as many as are convenient, but whole commits; `upTo` is the last commit they cover.
   * Throws 'precondition_failed' when some of them are forgotten.
   */
  readAfter(from: number): { readonly changes: readonly Change[]; readonly upTo: number }
  /** Resolves when there may be more to read, or the signal aborts. */
  wait(signal: AbortSignal): Promise<void>
}

export async function* watchChanges(log: ChangeLog, prefix: string, from: number, signal: AbortSignal): AsyncGenerator<Change> {
  let at = from
  while (!signal.aborted) {
    const { changes, upTo } = log.readAfter(at)
    for (const change of changes) {
      if (signal.aborted) return
      if (change.key.startsWith(prefix)) yield change
    }
    // No await lies between the reading and the waiting, so no commit of this process can slip through.
    if (changes.length === 0) await log.wait(signal)
    else at = upTo
  }
}

export const forgotten = (from: number, floor: number): ApiError =>
  new ApiError('precondition_failed', `changes since commit ${from} are no longer remembered, only those since ${floor}`)

/** Wakes those who wait for the next change. */
export class Bell {
  readonly #waiting = new Set<() => void>()

  get waiting(): number {
    return this.#waiting.size
  }

  ring(): void {
    // Waking takes out of the set, and what is woken adds itself again later at the earliest.
    for (const wake of this.#waiting) wake()
  }

  /** Resolves at the next ring, or when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake)
    })
  }
}
