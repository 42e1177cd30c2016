/** Figures of the server for those who get them sent: the names that Vault has for them where it has them, of all processes together. */
import { addFigures, labelsOf, type Figures } from '../core/telemetry.ts'
import type { Figure } from '../statsd/lines.ts'
import type { Sender, SenderWorld, Told } from '../statsd/sender.ts'
import { isSending, type SendingSettings } from '../statsd/settings.ts'
import type { ServerConfig } from './config/config.ts'
import { later } from './host.ts'
import type { Log } from './log.ts'
import { clusterNameOf } from './settings.ts'

export interface Sending {
  /** What the configuration says now. */
  readonly change: (settings: SendingSettings) => Promise<void>
  /** Sends a last time. */
  readonly stop: () => Promise<void>
}

/** By process, since it began; null: it did not answer. */
type Counted = ReadonlyMap<string, Figures | null>

/** Loads what sends only where something is sent. */
export async function startSending(config: ServerConfig, read: () => Promise<Counted>, log: Log): Promise<Sending> {
  const [first, cluster] = [config.sending, clusterNameOf(config)]
  const world: SenderWorld = { read: async () => toldOf(await read(), cluster), later, log: (level, message) => log.write(level, 'telemetry', message) }
  const make = async (settings: SendingSettings): Promise<Sender> => new (await import('../statsd/sender.ts')).Sender(world, settings)
  let [sender, current, turn] = [isSending(first) ? await make(first) : null, JSON.stringify(first), Promise.resolve()]
  const change = async (settings: SendingSettings): Promise<void> => {
    if (JSON.stringify(settings) === current) return
    current = JSON.stringify(settings)
    if (sender !== null) await sender.change(settings)
    else if (isSending(settings)) {
      sender = await make(settings)
      await sender.skip()
    }
    log.write('info', 'telemetry', 'figures are sent as the configuration says now')
  }
  return {
    change: (settings) => (turn = turn.catch(() => undefined).then(() => change(settings))),
    async stop() {
      await turn.catch(() => undefined)
      await sender?.stop()
    },
  }
}

/** Gauges by their names at `sys/metrics`. */
const gaugeNames: Readonly<Record<string, string>> = {
  vault_core_unsealed: 'core.unsealed',
  process_resident_memory_bytes: 'runtime.sys_bytes',
  nodejs_heap_used_bytes: 'runtime.alloc_bytes',
  coffer_audit_devices: 'audit.devices',
  coffer_audit_devices_failing: 'audit.devices_failing',
  coffer_workers: 'workers',
}
/** At `sys/metrics` among the gauges, but it only grows. */
const cpuSeconds = 'process_cpu_seconds_total'

function toldOf(processes: Counted, cluster: string): Told {
  const { gauges, inFlight } = addFigures([...processes.values()].filter((figures) => figures !== null))
  const named = Object.entries(gauges).filter(([name]) => name !== cpuSeconds).map(([name, value]) => [gaugeNames[name] ?? name, value] as const)
  return {
    gauges: [...named, ['core.in_flight_requests', inFlight.size] as const].map(([name, value]) => gauge(name, value, cluster)),
    totals: new Map([...processes].map(([id, figures]) => [id, figures && totalsOf(figures)])),
  }
}

/** In Vault, those of the core have the name of the cluster as their label. */
const gauge = (name: string, value: number, cluster: string): Figure => ({ kind: 'gauge', name, labels: name.startsWith('core.') ? [['cluster', cluster]] : [], value })
const counter = (name: string, value: number, labels: Figure['labels'] = []): Figure => ({ kind: 'counter', name, labels, value })

/** Times of requests as their sum, beside their number: added up over processes, machines and time, the two still give the right mean, as no mean of means does. */
const totalsOf = ({ counters, requests, gauges }: Figures): Figure[] => [
  ...[...counters].map(([name, value]) => counter(name, value)),
  ...[...requests.values()].flatMap(({ labels, count, sum }) => [counter('request.count', count, labelsOf(labels)), counter('request.duration_ms', sum * 1000, labelsOf(labels))]),
  counter('runtime.cpu_ms', (gauges[cpuSeconds] ?? 0) * 1000),
]
