/** What an agent counts: logins, requests that went through it, answers out of its cache. In the two forms in which Vault's agent tells it. */
import type { Figure } from '../statsd/lines.ts'
import type { Told } from '../statsd/sender.ts'
import type { AgentMode, TelemetrySettings } from './config/settings.ts'

/** `auth.failure`, `proxy.success`, `cache.hit`. Never anything that a client chose. */
export type Counted = `auth.${'success' | 'failure'}` | `proxy.${'success' | 'client_error' | 'error'}` | `cache.${'hit' | 'miss'}`

export class Metrics {
  readonly #counts = new Map<Counted, number>()
  readonly #mode: AgentMode
  readonly #settings: TelemetrySettings
  #gauges: () => Readonly<Record<string, number>> = () => ({})

  constructor(mode: AgentMode, settings: TelemetrySettings) {
    this.#mode = mode
    this.#settings = settings
  }

  get isForPrometheus(): boolean {
    return this.#settings.prometheus
  }

  /** From now on these are told as well: values of the moment. */
  tell(gauges: () => Readonly<Record<string, number>>): void {
    this.#gauges = gauges
  }

  count(name: Counted): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** As in Vault, logins of a proxy are its own, and everything else has the name of the agent. */
  #nameOf(name: Counted): string {
    return `${name.startsWith('auth.') ? this.#mode : 'agent'}.${name}`
  }

  get #counters(): [name: string, value: number][] {
    return [...this.#counts].map(([name, value]) => [`${this.#settings.prefix}.${this.#nameOf(name)}`, value])
  }

  get #told(): [name: string, value: number][] {
    return Object.entries(this.#gauges()).map(([name, value]) => [`${this.#settings.prefix}.${name}`, value])
  }

  /** For those who get figures sent: without the prefix, as gauges may have the name of the machine after it. */
  told(): Told {
    const totals = [...this.#counts].map(([name, value]): Figure => ({ kind: 'counter', name: this.#nameOf(name), labels: [], value }))
    const gauges = Object.entries(this.#gauges()).map(([name, value]): Figure => ({ kind: 'gauge', name, labels: [], value }))
    return { gauges, totals: new Map([['', totals]]) }
  }

  /** The text form of Prometheus, version 0.0.4. */
  prometheus(): string {
    const lines = (kind: string, figures: [name: string, value: number][]): string[] => figures.map(([dotted, value]) => {
      const name = dotted.replaceAll(/[^A-Za-z0-9_]/g, '_')
      return `# TYPE ${name} ${kind}\n${name} ${value}\n`
    })
    return [...lines('counter', this.#counters), ...lines('gauge', this.#told)].join('')
  }

  /** `now`: milliseconds since 1970. */
  json(now: number): string {
    const counters = this.#counters.map(([Name, count]) => ({ Name, Count: count, Rate: 0, Sum: count, Min: 1, Max: 1, Mean: 1, Stddev: 0, Labels: {} }))
    const gauges = this.#told.map(([Name, value]) => ({ Name, Value: value, Labels: {} }))
    return JSON.stringify({ Timestamp: new Date(now).toISOString(), Gauges: gauges, Points: [], Counters: counters, Samples: [] })
  }
}
