/** Figures about requests: counts and times by what was asked, and what is under way; names of operations and mounts only. Each process counts, and they are added up. */

/** Upper ends of the buckets: seconds. */
const bucketEnds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What one process has counted; can be sent to another one. */
export interface Figures {
  readonly requests: ReadonlyMap<string, Series>
  readonly counters: ReadonlyMap<string, number>
  readonly inFlight: ReadonlyMap<string, InFlight>
  readonly gauges: Readonly<Record<string, number>>
}

export interface Series {
  readonly labels: string
  readonly buckets: number[]
  count: number
  sum: number
}

export interface InFlight {
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly clientAddress: string
  readonly path: string
  readonly method: string
}

/** One of those under way, and where it stands among them. */
export interface Underway {
  readonly id: string
  readonly request: InFlight
  place: number
}

const seriesMax = 2_000

export class Telemetry {
  readonly #requests = new Map<string, Series>()
  readonly #counters = new Map<string, number>()
  /** In no order: the last one takes the place of the one that ends. A map of so few, which come and go, would be made anew all the time. */
  readonly #inFlight: Underway[] = []

  begin(id: string, request: InFlight): Underway {
    const underway = { id, request, place: this.#inFlight.length }
    this.#inFlight.push(underway)
    return underway
  }

  /** Once for each that began. `mountType` and `operation` name kinds of requests, never what a client chose. `elapsed`: seconds; below 0 when the clock was set back. */
  end(underway: Underway, mountType: string, operation: string, status: number, elapsed: number): void {
    const last = this.#inFlight.pop()
    if (last !== undefined && last !== underway) {
      this.#inFlight[underway.place] = last
      last.place = underway.place
    }
    const seconds = Math.max(0, elapsed)
    const key = `${mountType} ${operation} ${Math.floor(status / 100)}`
    let series = this.#requests.get(key)
    if (series === undefined) {
      if (this.#requests.size >= seriesMax) return
      series = { labels: `mount_type="${mountType}",operation="${operation}",status="${Math.floor(status / 100)}xx"`, buckets: bucketEnds.map(() => 0), count: 0, sum: 0 }
      this.#requests.set(key, series)
    }
    series.count += 1
    series.sum += seconds
    const bucket = bucketEnds.findIndex((end) => seconds <= end)
    if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1
  }

  count(name: string, by = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + by)
  }

  /** `gauges` are what the caller has read just now. */
  figures(gauges: Figures['gauges']): Figures {
    return { requests: this.#requests, counters: this.#counters, inFlight: new Map(this.#inFlight.map(({ id, request }) => [id, request])), gauges }
  }
}

/** How gauges of several processes go together where they do not add up: they all see the same, or the worst counts. */
const together: Readonly<Record<string, (a: number, b: number) => number>> = {
  vault_core_unsealed: Math.min,
  coffer_audit_devices: Math.max,
  coffer_audit_devices_failing: Math.max,
}

const sum = (a: number, b: number): number => a + b

/** The figures of several processes as those of one. */
export function addFigures(all: readonly Figures[]): Figures {
  const requests = new Map<string, Series>()
  const counters = new Map<string, number>()
  const gauges: Record<string, number> = {}
  for (const figures of all) {
    for (const [key, series] of figures.requests) requests.set(key, addSeries(requests.get(key), series))
    for (const [name, count] of figures.counters) counters.set(name, (counters.get(name) ?? 0) + count)
    for (const [name, value] of Object.entries(figures.gauges)) gauges[name] = name in gauges ? (together[name] ?? sum)(gauges[name] as number, value) : value
  }
  return { requests, counters, gauges, inFlight: new Map(all.flatMap(({ inFlight }) => [...inFlight])) }
}

const addSeries = (before: Series | undefined, { labels, buckets, count, sum: seconds }: Series): Series =>
  ({ labels, buckets: buckets.map((value, i) => value + (before?.buckets[i] ?? 0)), count: count + (before?.count ?? 0), sum: seconds + (before?.sum ?? 0) })

/** Prometheus text format 0.0.4. */
export function prometheusText({ requests, counters, inFlight, gauges }: Figures): string {
  const lines: string[] = []
  for (const [name, value] of Object.entries({ ...gauges, coffer_requests_in_flight: inFlight.size })) lines.push(`# TYPE ${name} gauge`, `${name} ${value}`)
  for (const [name, value] of counters) lines.push(`# TYPE ${name} counter`, `${name} ${value}`)
  lines.push('# TYPE coffer_request_duration_seconds histogram')
  for (const series of requests.values()) lines.push(...histogramLines(series))
  return `${lines.join('\n')}\n`
}

/** The labels of a series, by their names. */
export const labelsOf = (labels: Series['labels']): readonly (readonly [name: string, value: string])[] =>
  labels.split(',').map((pair) => pair.replaceAll('"', '').split('=') as [string, string])

/** The JSON form, as Vault's `sys/metrics` has it. */
export function metricsJson({ requests, counters, gauges }: Figures, timestamp: string): Record<string, unknown> {
  const sample = ({ labels, count, sum: seconds }: Series): Record<string, unknown> => ({
    Name: 'coffer.request.duration', Count: count, Sum: seconds * 1000, Mean: count === 0 ? 0 : (seconds * 1000) / count,
    Labels: Object.fromEntries(labelsOf(labels)),
  })
  return {
    Timestamp: timestamp,
    Gauges: Object.entries(gauges).map(([Name, Value]) => ({ Name, Value, Labels: {} })),
    Points: [],
    Counters: [...counters].map(([Name, Count]) => ({ Name, Count, Labels: {} })),
    Samples: [...requests.values()].map(sample),
  }
}

function histogramLines({ labels, buckets, count, sum }: Series): string[] {
  let below = 0
  const ends = bucketEnds.map((end, i) => `coffer_request_duration_seconds_bucket{${labels},le="${end}"} ${(below += buckets[i] ?? 0)}`)
  return [...ends, `coffer_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`, `coffer_request_duration_seconds_sum{${labels}} ${sum}`, `coffer_request_duration_seconds_count{${labels}} ${count}`]
}
