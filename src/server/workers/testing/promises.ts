/** The promises that several workers keep together, each as a test of so many tries. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { checkFolder } from '../../testing/crash-rounds.ts'
import { askMany, checkLines } from './audit-lines.ts'
import { withCrew, type Connection, type RunningCrew } from './crew.ts'
import { playHistory } from './history.ts'
import { tryOnce } from './once.ts'
import { revokeAndUse } from './revoking.ts'

const workers = 3
/** Connections to each worker that are used at the same time. */
const lanes = 4

interface Told {
  diagnostic(text: string): void
}

/** Runs, and looks at what is left. */
const withWorkers = (body: (crew: RunningCrew) => Promise<void>): Promise<void> => withCrew(workers, async (crew) => {
  await body(crew)
  await crew.server.stop()
  await checkFolder(join(crew.place.folder, 'd'))
})

export const tryMany = (t: Told, rounds: number): Promise<void> => withWorkers(async (crew) => {
  const tries = await tryOnce((await crew.connect(workers * lanes)) as [Connection, ...Connection[]], rounds)
  t.diagnostic(`${tries} tries`)
})

export const revokeMany = (t: Told, rounds: number): Promise<void> => withWorkers(async (crew) => {
  const all = await crew.connect(workers * lanes)
  const uses = await revokeAndUse(Array.from({ length: lanes }, (_, i) => all.slice(i * workers, (i + 1) * workers)), rounds)
  t.diagnostic(`${uses} uses after ${rounds} revocations`)
  assert.equal(uses, rounds * workers)
})

export async function playHistories(t: Told, count: number, length: number): Promise<void> {
  for (let seed = 1; seed <= count; seed++) await withWorkers(async (crew) => {
    const report = await playHistory(crew, { seed, length, workers })
    t.diagnostic(JSON.stringify(report))
    assert.ok(report.kills > 3 && report.unanswered > 0, JSON.stringify(report))
  })
}

export const auditMany = (t: Told, count: number): Promise<void> => withWorkers(async (crew) => {
  const [one] = (await crew.connect(1)) as [Connection]
  const file = join(crew.place.folder, 'audit.log')
  await one.ok('POST', 'sys/audit/file', { type: 'file', options: { file_path: file } })
  const answered = await askMany(crew, count, 1)
  assert.equal((await crew.server.stop()).code, 0)
  const recorded = await checkLines(file, answered)
  t.diagnostic(`${answered.size} of ${count} requests were answered, ${recorded} are recorded`)
  assert.ok(answered.size > count * 0.8 && answered.size < count * 0.95)
  const { code, out, err } = crew.place.shell('coffer audit verify audit.log')
  assert.equal(code, 0, out + err)
})
