/** What a step from one form of the data to the next is. */
import type { LayeredStore } from '../storage/layered.ts'

/** What a step works on. */
export interface OpenData {
  readonly values: LayeredStore
  tree(name: string): LayeredStore
}

export interface Migration {
  /** One line for the log. */
  readonly summary: string
  /**
   * Runs before anybody is served, with the barrier open, in commits of bounded size. A crash may end it anywhere, and several processes may run it at
   * once: it must be able to begin anew, and leave alone what is done.
   */
  readonly run: (data: OpenData) => Promise<void>
}
