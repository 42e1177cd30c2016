/** What an agent counts: logins, requests that went through it, answers out of its cache. In the two forms in which Vault's agent tells it. */

/** `auth.failure`, `proxy.success`, `cache.hit`. Never anything that a client chose. */
export type Counted = `auth.${'success' | 'failure'}` | `proxy.${'success' | 'client_error' | 'error'}` | `cache.${'hit' | 'miss'}`

export class Metrics {
  readonly #counts = new Map<Counted, number>()
  #gauges: () => Readonly<Record<string, number>> = () => ({})

  /** From now on these are told as well: values of the moment. */
  tell(gauges: () => Readonly<Record<string, number>>): void {
    this.#gauges = gauges
  }

  count(name: Counted): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** The text form of Prometheus, version 0.0.4. */
  prometheus(): string {
    const line = (kind: string, name: string, value: number): string => `# TYPE vault_agent_${name} ${kind}\nvault_agent_${name} ${value}\n`
    const counters = [...this.#counts].map(([name, value]) => line('counter', name.replaceAll('.', '_'), value))
    return [...counters, ...Object.entries(this.#gauges()).map(([name, value]) => line('gauge', name.replaceAll('.', '_'), value))].join('')
  }

  /** `now`: milliseconds since 1970. */
  json(now: number): string {
    const counters = [...this.#counts].map(([name, count]) => ({ Name: `vault.agent.${name}`, Count: count, Rate: 0, Sum: count, Min: 1, Max: 1, Mean: 1, Stddev: 0, Labels: {} }))
    const gauges = Object.entries(this.#gauges()).map(([name, value]) => ({ Name: `vault.agent.${name}`, Value: value, Labels: {} }))
    return JSON.stringify({ Timestamp: new Date(now).toISOString(), Gauges: gauges, Points: [], Counters: counters, Samples: [] })
  }
}
