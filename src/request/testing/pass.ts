/** Time that passes for the chores of mounts, in tests of engines. */
import { ChoreRunner } from '../../core/mounts/chores.ts'
import type { ServeHarness } from './serve-harness.ts'

/** Lets the chores run as often as a server would within so many seconds. */
export function passFor({ core, clock }: ServeHarness): (seconds: number) => Promise<void> {
  const runner = new ChoreRunner(core)
  return async (seconds) => {
    clock.advance(seconds)
    for (let i = 0; i < 3; i++) {
      await runner.pass()
      await runner.settle()
      clock.advance(1)
    }
  }
}
