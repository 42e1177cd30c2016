/** Clients that read, write and set the same few keys over all workers, while workers are killed, and once the whole server: what each saw, and when. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../../storage/seeded.ts'
import { killTree, type RunningServer } from '../../testing/process.ts'
import { childrenOf, Connection, type Answer, type RunningCrew } from './crew.ts'
import { isLinearizable, reading, settingIf, writing, type Operation } from './linear.ts'

export interface HistoryReport {
  readonly operations: number
  /** Those whose answers never came. */
  unanswered: number
  kills: number
}

export interface HistoryOptions {
  readonly seed: number
  readonly length: number
  readonly workers: number
}

const clients = 12
const keys = 6
/** Of one worker, after these shares of the history; in the middle of it the whole server. */
const killsAt = [0.2, 0.35, 0.65, 0.8]
const restartAt = 0.5

interface Deed {
  readonly kind: 'read' | 'write' | 'set'
  readonly value: string
  /** At which it is to be set. */
  readonly version: number
}

interface Seen extends Operation {
  readonly shown: string
}

interface Run {
  readonly crew: RunningCrew
  readonly random: () => number
  readonly report: HistoryReport
  /** Of each key. */
  readonly histories: Map<string, Seen[]>
  server: RunningServer
  /** A clock that no two moments share. */
  moment: number
  /** Operations that have begun. */
  begun: number
  readonly length: number
  /** So that reads and sets are of what may be there. */
  readonly versions: Map<string, number>
}

/** Plays a history and fails when it cannot be explained. */
export async function playHistory(crew: RunningCrew, { seed, length, workers }: HistoryOptions): Promise<HistoryReport> {
  const report: HistoryReport = { operations: length, unanswered: 0, kills: 0 }
  const run: Run = { crew, random: seededRandom(seed), report, histories: new Map(), server: crew.server, moment: 0, begun: 0, length, versions: new Map() }
  await Promise.all([...Array.from({ length: clients }, (_, client) => playClient(run, seed, client)), killWorkers(run, workers)])
  assert.equal((await run.server.stop()).code, 0)
  for (const [key, operations] of run.histories) assert.ok(isLinearizable(operations), `no order explains ${key} of seed ${seed}:\n${textOf(operations)}`)
  return report
}

const textOf = (operations: readonly Seen[]): string => operations.map(({ began, ended, shown }) => `${began} to ${ended}: ${shown}`).join('\n')

async function playClient(run: Run, seed: number, client: number): Promise<void> {
  const { crew } = run
  let connection = new Connection(crew.port, crew.rootToken)
  while (run.begun < run.length) {
    const number = run.begun++
    const isAnswered = await playOne(run, connection, `history-${seed}/${Math.floor(run.random() * keys)}`, `${client}-${number}`)
    if (isAnswered) continue
    run.report.unanswered += 1
    connection.close()
    connection = await untilServed(crew)
  }
  connection.close()
}

/** What did not even reach a server is no operation. */
async function untilServed({ port, rootToken }: RunningCrew): Promise<Connection> {
  for (const deadline = Date.now() + 60_000; ; await pause(10)) {
    const connection = new Connection(port, rootToken)
    const status = await connection.ask('GET', 'sys/health', undefined, '').then((answer) => answer.status, () => 0)
    if (status === 200) return connection
    connection.close()
    assert.ok(Date.now() < deadline, `the server does not come back: ${status}`)
  }
}

/** Resolves with whether an answer came. */
async function playOne(run: Run, connection: Connection, key: string, value: string): Promise<boolean> {
  const dice = run.random()
  const deed: Deed = { kind: dice < 0.45 ? 'read' : dice < 0.7 ? 'write' : 'set', value, version: run.versions.get(key) ?? 0 }
  const began = run.moment++
  const answer = await ask(connection, `secret/data/${key}`, deed).catch(() => null)
  const ended = run.moment++
  // A refusal for want of time or memory leaves open what was done.
  const found = answer === null || answer.status >= 500 ? null : answer
  if (found !== null || deed.kind !== 'read') {
    const history = run.histories.get(key) ?? []
    run.histories.set(key, history)
    history.push({ began, ended: found === null ? Infinity : ended, apply: applied(deed, found), shown: `${JSON.stringify(deed)} ${answer?.status ?? 'no answer'} ${answer?.text.slice(0, 160) ?? ''}` })
  }
  const version = found === null ? null : versionIn(found)
  if (version !== null) run.versions.set(key, version)
  return found !== null
}

function ask(connection: Connection, path: string, { kind, value, version }: Deed): Promise<Answer> {
  if (kind === 'read') return connection.ask('GET', path)
  return connection.ask('POST', path, { ...(kind === 'set' ? { options: { cas: version } } : {}), data: { value } })
}

interface Metadata {
  readonly version?: number
}

/** Of a read, or of a write that was done. */
function versionIn({ status, data }: Answer): number | null {
  if (status !== 200) return null
  return Number((data['metadata'] as Metadata | undefined)?.version ?? data['version'])
}

/** `found` is null when the answer never came. */
function applied({ kind, value, version }: Deed, found: Answer | null): Operation['apply'] {
  const at = found === null ? null : versionIn(found)
  if (kind === 'read') return reading({ version: at ?? 0, value: at === null ? null : String((found?.data['data'] as { value?: string } | undefined)?.value) })
  assert.ok(found === null || found.status === 200 || (kind === 'set' && found.status === 400), `${kind}: ${found?.status} ${found?.text}`)
  if (kind === 'write') return writing(value, at)
  assert.ok(at === null || at === version + 1, `set at ${version}: ${at}`)
  return settingIf(value, version, found === null ? null : at !== null)
}

/** Each after the one before was made good. */
async function killWorkers(run: Run, workers: number): Promise<void> {
  let served = workers
  for (const share of [...killsAt, restartAt].toSorted((a, b) => a - b)) {
    while (run.begun < share * run.length) await pause(5)
    run.report.kills += 1
    if (share === restartAt) {
      await killTree(run.server.child)
      run.server = await run.crew.place.started(run.crew.args)
      served = workers
    } else {
      const pids = childrenOf(run.server.child.pid ?? 0)
      process.kill(pids[Math.floor(run.random() * pids.length)] as number, 'SIGKILL')
      served += 1
    }
    await untilServing(run.server, served)
  }
}

async function untilServing(server: RunningServer, count: number): Promise<void> {
  const lines = (): number => server.out().match(/workers: a worker serves/g)?.length ?? 0
  for (const deadline = Date.now() + 60_000; lines() < count; await pause(10)) assert.ok(Date.now() < deadline, `${count} workers were not there in time:
${server.out()}`)
}
