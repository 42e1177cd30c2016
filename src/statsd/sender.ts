/** Sends figures every ten seconds, as go-metrics does: gauges as they are, counters as what was added. Never in the way of anything: who does not receive them misses them. */
import { Increases } from './increases.ts'
import { plainLine, taggedLine, type Figure } from './lines.ts'
import type { Receiver, SendingSettings } from './settings.ts'
import { TcpWay } from './tcp.ts'
import type { Say } from './trouble.ts'
import { UdpWay } from './udp.ts'

export interface Told {
  readonly gauges: readonly Figure[]
  /** By process: see `Increases`. */
  readonly totals: ReadonlyMap<string, readonly Figure[] | null>
}

export interface SenderWorld {
  readonly read: () => Promise<Told>
  /** Runs `work` after so many milliseconds, unless the returned function is called before. */
  readonly later: (milliseconds: number, work: () => void) => () => void
  readonly log: Say
  /** Milliseconds; ten seconds unless a test is in a hurry. */
  readonly interval?: number
}

interface Way {
  readonly line: (figure: Figure, settings: SendingSettings) => string
  readonly to: UdpWay | TcpWay
}

const standardInterval = 10_000

export class Sender {
  readonly #world: SenderWorld
  readonly #increases = new Increases()
  #settings: SendingSettings
  #ways: readonly Way[]
  #cancel: () => void = () => undefined
  #running: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(world: SenderWorld, settings: SendingSettings) {
    this.#world = world
    this.#settings = settings
    this.#ways = waysOf(settings, world.log)
    this.#wait()
  }

  /** What was counted until now is not sent: it was counted when nobody wanted it. */
  async skip(): Promise<void> {
    this.#increases.take((await this.#world.read()).totals)
  }

  /** From the next sending on. */
  async change(settings: SendingSettings): Promise<void> {
    const before = this.#ways
    this.#settings = settings
    this.#ways = waysOf(settings, this.#world.log)
    await Promise.all(before.map(({ to }) => to.close()))
  }

  /** Sends a last time. Resolves, a little later at the worst, when nothing is open any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#running
    await this.#send()
    await Promise.all(this.#ways.map(({ to }) => to.close()))
  }

  #wait(): void {
    this.#cancel = this.#world.later(this.#world.interval ?? standardInterval, () => {
      this.#running = this.#send().finally(() => this.#isStopped || this.#wait())
    })
  }

  async #send(): Promise<void> {
    try {
      const { gauges, totals } = await this.#world.read()
      const figures = [...gauges, ...this.#increases.take(totals)]
      for (const { line, to } of this.#ways) to.send(figures.map((figure) => line(figure, this.#settings)))
    } catch (error) {
      this.#world.log('warn', `figures could not be read: ${error instanceof Error ? error.message : 'unknown'}`)
    }
  }
}

function waysOf({ statsd, statsite, dogstatsd }: SendingSettings, log: Say): readonly Way[] {
  const way = (to: Receiver | null, key: string, line: Way['line'], Way: typeof UdpWay | typeof TcpWay): readonly Way[] =>
    to === null ? [] : [{ line, to: new Way(to, (level, what) => log(level, `${key}: ${what}`)) }]
  return [...way(statsd, 'statsd_address', plainLine, UdpWay), ...way(statsite, 'statsite_address', plainLine, TcpWay), ...way(dogstatsd, 'dogstatsd_addr', taggedLine, UdpWay)]
}
