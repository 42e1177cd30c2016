/** `npm run bench`: measures a Vault-compatible server, or compares two. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { formatResult, header, ratiosOf } from './report.ts'
import { runBenchmark, type Server, type Settings } from './rounds.ts'
import { workloads } from './workloads.ts'
import { hasWrk } from './wrk.ts'

const help = `Usage: npm run bench -- --addr URL --token TOKEN [options]

Measures a server that speaks Vault's API, with a token that may do everything; with --against, compares it with another one in turns.
It makes mounts, roles and a policy called bench-*, and removes them at the end. Prints medians of the rounds.

  --addr URL, --token TOKEN, --pid PID
  --against URL, --against-token TOKEN, --against-pid PID
  --name NAME, --against-name NAME       (default: A and B)
  --connections N                        requests under way at a time (default 16)
  --seconds N                            of one measurement (default 5)
  --warm-up N                            seconds before the first round of each workload (default 3)
  --rounds N                             (default 3)
  --threads N                            of the load generator (default: half of the cores)
  --generator own|wrk                    (default: wrk where it is installed)
  --only A,B                             workloads: ${workloads.map(({ name }) => name).join(' ')}
                                         (default: all but db-creds, which starts a PostgreSQL that the servers must reach)
  --json                                 print all measurements as JSON
`

export const benchOptions = {
  connections: { type: 'string', default: '16' },
  seconds: { type: 'string', default: '5' },
  'warm-up': { type: 'string', default: '3' },
  rounds: { type: 'string', default: '3' },
  threads: { type: 'string', default: String(Math.max(1, Math.floor(availableParallelism() / 2))) },
  generator: { type: 'string' },
  only: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

export interface BenchValues {
  readonly connections: string
  readonly seconds: string
  readonly 'warm-up': string
  readonly rounds: string
  readonly threads: string
  readonly generator?: string | undefined
  readonly only?: string | undefined
  readonly json: boolean
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function parseSettings(values: BenchValues): Settings {
  const count = (name: 'connections' | 'seconds' | 'warm-up' | 'rounds' | 'threads'): number => {
    const number = Number(values[name])
    if (!(number > 0)) throw new Error(`--${name} is ${values[name]}; give a number above 0`)
    return number
  }
  const generator = values.generator ?? (hasWrk() ? 'wrk' : 'own')
  if (generator !== 'own' && generator !== 'wrk') throw new Error(`--generator is ${generator}; give own or wrk`)
  return { connections: count('connections'), seconds: count('seconds'), warmUpSeconds: count('warm-up'), rounds: count('rounds'), threads: count('threads'), generator }
}

/** Runs the chosen workloads and prints them; used by the comparison that starts both servers itself, too. */
export async function bench(servers: readonly Server[], values: BenchValues): Promise<void> {
  const settings = parseSettings(values)
  const only = values.only?.split(',')
  const unknown = only?.filter((name) => !workloads.some((workload) => workload.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`no workload is called ${unknown.join(', ')}`)
  const chosen = workloads.filter(({ name, isExtra }) => (only ? only.includes(name) : !isExtra))
  const names = servers.map(({ name }) => name)
  if (!values.json) {
    say(`${settings.connections} connections, ${settings.rounds} rounds of ${settings.seconds} s, generator ${settings.generator}, Node ${process.version}\n`)
    say(header)
  }
  const results = await runBenchmark(chosen, servers, settings, (result) => values.json || say(formatResult(result, names)))
  if (values.json) say(JSON.stringify({ settings, names, results: results.map((result) => ({ ...result, ratio: ratiosOf(result) })) }, null, 1))
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      ...benchOptions,
      addr: text, token: text, pid: text, against: text, 'against-token': text, 'against-pid': text,
      name: { type: 'string', default: 'A' },
      'against-name': { type: 'string', default: 'B' },
    },
  })
  if (values.help) return say(help)
  if (!values.addr || !values.token) throw new Error('--addr and --token are needed; --help tells more')
  const pidOf = (pid: string | undefined): number | undefined => (pid === undefined ? undefined : Number(pid))
  const servers: Server[] = [{ name: values.name, addr: values.addr, token: values.token, pid: pidOf(values.pid) }]
  if (values.against) {
    const token = values['against-token'] ?? values.token
    servers.push({ name: values['against-name'], addr: values.against, token, pid: pidOf(values['against-pid']) })
  }
  await bench(servers, values)
}

if (process.argv[1] === import.meta.filename) {
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
