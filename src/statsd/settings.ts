/** Where figures are sent and how they are called there: what the keys of `telemetry` of Vault's configurations say. */

export interface Receiver {
  readonly host: string
  readonly port: number
}

export interface SendingSettings {
  /** Plain lines, over UDP. */
  readonly statsd: Receiver | null
  /** The same over TCP. */
  readonly statsite: Receiver | null
  /** Lines with tags, over UDP. */
  readonly dogstatsd: Receiver | null
  /** `key:value`, with each line for DogStatsD. */
  readonly tags: readonly string[]
  /** Before all names. */
  readonly prefix: string
  /** Of this machine. */
  readonly hostname: string
  /** Where it stands: in plain names of gauges, as a label of everything, or nowhere. */
  readonly hostnameIn: 'gauges' | 'labels' | 'none'
}

/** As it is written. */
export interface WrittenSending extends Pick<SendingSettings, 'statsd' | 'statsite' | 'dogstatsd' | 'tags' | 'hostname'> {
  /** '' is the standard. */
  readonly prefix: string
  readonly disableHostname: boolean
  readonly hostnameLabel: boolean
  /** Whether figures are also kept for Prometheus. */
  readonly prometheus: boolean
}

export const standardPrefix = 'vault'

/** Vault leaves the name of the machine out where there is one way for figures only, and the one to Prometheus counts: names have to stay as its users know them. */
export function sendingOf({ statsd, statsite, dogstatsd, tags, hostname, prefix, disableHostname, hostnameLabel, prometheus }: WrittenSending): SendingSettings {
  const ways = [statsd, statsite, dogstatsd].filter((way) => way !== null).length + (prometheus ? 1 : 0)
  const inGauges = !disableHostname && ways > 1
  return { statsd, statsite, dogstatsd, tags, hostname, prefix: prefix || standardPrefix, hostnameIn: hostnameLabel ? 'labels' : inGauges ? 'gauges' : 'none' }
}

export const isSending = ({ statsd, statsite, dogstatsd }: SendingSettings): boolean => statsd !== null || statsite !== null || dogstatsd !== null

export const nothingSent: SendingSettings = Object.freeze({ statsd: null, statsite: null, dogstatsd: null, tags: [], prefix: standardPrefix, hostname: '', hostnameIn: 'none' })

export const receiverShown = 'a host and a port such as 127.0.0.1:8125'
/** DogStatsD also listens on sockets of a kind that Node.js does not know. */
export const dogReceiverShown = `${receiverShown} (not unix://, as Node.js has no unix datagrams)`

/** `localhost:8125`, `[::1]:8125`; `:8125` is this machine. Null for what is no address. */
export function findReceiver(written: string): Receiver | null {
  const found = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([\w.-]*)):(\d{1,5})$/.exec(written.trim())
  const port = Number(found?.[3])
  return found === null || port < 1 || port > 65_535 ? null : { host: (found[1] ?? found[2]) || '127.0.0.1', port }
}
