/** A thread of the load generator: drives its share of the connections and reports when the time is over. */
import { parentPort, workerData } from 'node:worker_threads'
import { Connection, type Plan, type Tally } from './connection.ts'
import { makeHistogram } from './histogram.ts'

export interface ThreadWork {
  readonly plan: Plan
  readonly connections: number
  readonly seconds: number
  /** Where in the circle of requests this thread begins. */
  readonly offset: number
}

export interface ThreadResult extends Tally {
  readonly seconds: number
}

/** An answer that does not come keeps no benchmark from ending. */
const patience = 10_000

const { plan, connections, seconds, offset } = workerData as ThreadWork
const tally: Tally = { count: 0, errors: 0, firstError: '', latencies: makeHistogram() }
const started = process.hrtime.bigint()
const elapsed = (): number => Number(process.hrtime.bigint() - started) / 1e9
const isOver = (): boolean => elapsed() >= seconds
const stride = Math.ceil(plan.requests.length / connections)
const runs = Array.from({ length: connections }, (_, i) => new Connection(plan, offset + i * stride, tally, isOver).run())
await Promise.race([Promise.all(runs), new Promise((done) => setTimeout(done, seconds * 1000 + patience).unref())])
parentPort?.postMessage({ ...tally, seconds: elapsed() } satisfies ThreadResult)
process.exit(0)
