/** A server for one test, whose whole stored state is checked when the test has ended. */
import assert from 'node:assert/strict'
import { checkState, type StateCheckOptions } from '../../core/check/state.ts'
import { serveHarness, type HarnessOptions, type ServeHarness } from './serve-harness.ts'

/**
 * Runs `work`, lets the server finish what it does beside requests, and demands a sound state: see `checkState`. `secrets` of 6 bytes and more
 * must not be readable below the barrier, nor in the log.
 */
export async function withServer(work: (server: ServeHarness) => Promise<void>, options: HarnessOptions & StateCheckOptions = {}): Promise<void> {
  const server = await serveHarness(options)
  try {
    await work(server)
    await checkServer(server, options)
  } finally {
    await server.close()
  }
}

/** The check alone, for servers that were started otherwise. */
export async function checkServer(server: ServeHarness, options: StateCheckOptions = {}): Promise<void> {
  const log = { name: 'the log', bytes: Buffer.from(server.logged.join('\n')) }
  await server.sweep()
  assert.deepEqual(await checkState(server.core, { isSettled: true, ...options, raw: [log, ...(options.raw ?? [])] }), [])
}
