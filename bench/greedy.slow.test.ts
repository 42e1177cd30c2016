/** One expensive call after the other, beside clients that only read: half of their reads notice nothing. What the others notice is printed: see docs/reliability.md. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { quantile } from '../src/server/testing/overload.ts'
import { measureReaders, startFilled } from './greedy.ts'
import { stop } from './start.ts'

const names = Number(process.env['COFFER_GREEDY_NAMES'] ?? 1_000_000)
const shown = (times: readonly number[]): string => `p50 ${quantile(times, 0.5).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms, most ${(times.at(-1) ?? 0).toFixed(0)} ms of ${times.length}`

test(`readers go on beside lists of ${names} names, very large bodies and logins`, async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'coffer-greedy-'))
  try {
    const server = await startFilled(parent, names)
    const found = await measureReaders(server).finally(() => stop(server.child))
    for (const { what, calls, callMs, before, during } of found) t.diagnostic(`${what} (${calls}, each ${callMs.toFixed(0)} ms): reads before: ${shown(before)}; meanwhile: ${shown(during)}`)
    for (const { what, statuses, during } of found) {
      assert.ok(statuses.every((status) => status === (what.startsWith('a login') ? 400 : 200)), `${what}: ${statuses.join()}`)
      assert.ok(quantile(during, 0.5) < 50, what)
    }
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
})
