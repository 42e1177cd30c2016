/** Measures one workload on one server, or on two in turns, so that a slow minute of the machine hits both. */
import type { Target } from './api.ts'
import { runLoad, type LoadResult } from './load.ts'
import { findListener, readUsage } from './processes.ts'
import { cleanServer, prepareServer, type Prepared, type Workload } from './workloads.ts'
import { runWrk } from './wrk.ts'

export interface Server extends Target {
  readonly name: string
  /** Its process, for CPU time and memory; default: the one that listens on the port. */
  readonly pid?: number | undefined
}

export interface Settings {
  readonly connections: number
  readonly seconds: number
  /** Before the first round of each workload: seconds. Compilers that work while the program runs need some. */
  readonly warmUpSeconds: number
  readonly rounds: number
  readonly threads: number
  readonly generator: 'own' | 'wrk'
}

export interface Measurement extends LoadResult {
  /** CPU seconds of the server for 1,000 requests; null where /proc does not tell. */
  readonly cpuPerThousand: number | null
  /** Of the server after the round: see `Usage`. */
  readonly memoryBytes: number | null
  readonly shareBytes: number | null
  readonly ownBytes: number | null
}

export interface WorkloadResult {
  readonly workload: string
  /** For each server, in the order given, one measurement a round. */
  readonly measurements: readonly (readonly Measurement[])[]
}

async function measure(server: Server, prepared: Prepared, settings: Settings): Promise<Measurement> {
  const pid = server.pid ?? findListener(Number(new URL(server.addr).port))
  const before = readUsage(pid)
  const run = settings.generator === 'wrk' && !prepared.followUp ? runWrk : runLoad
  const result = await run({ addr: server.addr, ...prepared, ...settings })
  const after = readUsage(pid)
  const cpuSeconds = before && after ? after.cpuSeconds - before.cpuSeconds : null
  const cpuPerThousand = cpuSeconds === null || result.count === 0 ? null : (cpuSeconds * 1000) / result.count
  return { ...result, cpuPerThousand, memoryBytes: after?.memoryBytes ?? null, shareBytes: after?.shareBytes ?? null, ownBytes: after?.ownBytes ?? null }
}

async function measureWorkload(workload: Workload, servers: readonly Server[], settings: Settings): Promise<WorkloadResult> {
  try {
    return await measureRounds(workload, servers, settings)
  } finally {
    await workload.finish?.(servers)
  }
}

async function measureRounds(workload: Workload, servers: readonly Server[], settings: Settings): Promise<WorkloadResult> {
  const prepared: Prepared[] = []
  for (const server of servers) {
    const ready = await workload.prepare(server)
    prepared.push(ready)
    await measure(server, ready, { ...settings, seconds: settings.warmUpSeconds })
  }
  const measurements: Measurement[][] = servers.map(() => [])
  for (let round = 0; round < settings.rounds; round++) {
    // Who comes first changes with every round.
    const order = servers.map((_, i) => (i + round) % servers.length)
    for (const i of order) {
      const [server, ready] = [servers[i], prepared[i]]
      if (server && ready) measurements[i]?.push(await measure(server, ready, settings))
    }
  }
  return { workload: workload.name, measurements }
}

/** Prepares the servers, measures all workloads and removes what it made. */
export async function runBenchmark(
  chosen: readonly Workload[],
  servers: readonly Server[],
  settings: Settings,
  onResult: (result: WorkloadResult) => void,
): Promise<WorkloadResult[]> {
  const results: WorkloadResult[] = []
  for (const server of servers) await prepareServer(server)
  try {
    for (const workload of chosen) {
      const result = await measureWorkload(workload, servers, settings)
      results.push(result)
      onResult(result)
    }
  } finally {
    for (const server of servers) await cleanServer(server)
  }
  return results
}
