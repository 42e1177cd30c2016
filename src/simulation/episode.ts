/**
 * One life of a server in a simulation: clients ask two processes over one store for everything at once, while the store fails, the clock
 * jumps and processes die; and every answer must be one that the model gives. At the end the whole stored state is checked.
 */
import { checkState } from '../core/check/state.ts'
import { resumeRemovals } from '../core/mounts/change.ts'
import type { Store } from '../kit/store.ts'
import { serveHarness, type ServeHarness } from '../request/testing/serve-harness.ts'
import { renter, type Renter } from '../core/leases/testing/renter.ts'
import { memoryStore } from '../storage/memory.ts'
import { describeAsk, enact, type Deed, type Seen } from './deed.ts'
import { enable, readMount, readPolicy, useMounts, usePolicies } from './deeds/configuration.ts'
import { kvPaths, renterPaths, policyNames, roleNames, secretNames, type Client, type Idea } from './deeds/client.ts'
import { listSecrets, readSecret, useSecrets } from './deeds/kv.ts'
import { leaseSeconds, lookUpLease, useLeases } from './deeds/leases.ts'
import { lookUpSecretId, readRole, useLogins } from './deeds/logins.ts'
import { lookUp, useTokens } from './deeds/tokens.ts'
import { lookUpWrapped, useWrapping } from './deeds/wrapping.ts'
import { dice, type Dice } from './dice.ts'
import { explain, type Done } from './linearize.ts'
import { Model } from './model.ts'
import { calm, Stage, type Access, type Weather } from './stage.ts'

export interface Tally {
  /** Requests that clients made, without those that looked at what had come of them. */
  steps: number
  requests: number
  faults: number
  kills: number
  /** Answers that never came. */
  unknown: number
  clockJumps: number
}

export interface Played {
  readonly tally: Tally
  /** The last lines of what happened. */
  readonly trace: readonly string[]
}

/** What cannot be explained, with what led to it. */
export class Unexplained extends Error {
  override readonly name = 'Unexplained'
}

const weathers: readonly Weather[] = [
  calm, calm, calm, calm,
  { ...calm, name: 'mixed', isMixed: true }, { ...calm, name: 'mixed', isMixed: true }, { ...calm, name: 'mixed', isMixed: true },
  { name: 'bad', isMixed: true, readError: 0.01, errorBefore: 0.05, errorAfter: 0.05, conflict: 0.1 },
  { name: 'conflicts', isMixed: true, readError: 0, errorBefore: 0, errorAfter: 0, conflict: 0.7 },
  { name: 'broken', isMixed: true, readError: 0.1, errorBefore: 0.2, errorAfter: 0.2, conflict: 0 },
]

const ideas: readonly Idea[] = [useSecrets, useSecrets, useSecrets, useTokens, useTokens, useLogins, useWrapping, useLeases, usePolicies, useMounts]

interface Process {
  readonly access: Access
  readonly server: ServeHarness
}

const traceMax = 60

/** The same seed and steps do the same. `flaw`: makes the store worse than it should be, to see whether that is noticed. Throws `Unexplained`. */
export async function playEpisode(seed: number, steps: number, flaw: (store: Store) => Store = (store) => store): Promise<Played> {
  const episode = new Episode(seed, flaw)
  try {
    await episode.begin()
    while (episode.tally.steps < steps) await episode.turn()
    await episode.end()
    return { tally: episode.tally, trace: episode.trace }
  } catch (error) {
    throw new Unexplained(`${episode.trace.join('\n')}\n${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

class Episode {
  readonly tally: Tally = { steps: 0, requests: 0, faults: 0, kills: 0, unknown: 0, clockJumps: 0 }
  readonly trace: string[] = []
  readonly #dice: Dice
  readonly #random: Dice
  readonly #stage: Stage
  readonly #renter: Renter = renter()
  readonly #processes: Process[] = []
  #client: Client = undefined as unknown as Client

  constructor(seed: number, flaw: (store: Store) => Store) {
    this.#dice = dice(seed)
    // Of its own, so that what the server draws does not change what the clients do.
    this.#random = dice(seed ^ 0x5bd1e995)
    this.#stage = new Stage(flaw(memoryStore()), this.#dice.next)
  }

  get #model(): Model {
    return this.#client.model
  }

  async begin(): Promise<void> {
    this.#renter.renewal = { ttlSeconds: leaseSeconds, maxTtlSeconds: leaseSeconds }
    const access = this.#stage.open()
    const later = () => () => undefined
    const server = await serveHarness({ store: access.store, random: this.#random.bytes, engines: [this.#renter.engine], later })
    this.#processes.push({ access, server })
    await this.#start()
    await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    await server.ok('write', 'sys/auth/approle/tune', { data: { user_lockout_config: { lockout_disable: true } } })
    this.#client = { model: new Model(server.rootToken), dice: this.#dice, known: { tokens: [], secretIds: [], wrapped: [], leases: [], roleIds: [] }, issued: new Map(), serial: 0 }
    this.#model.now = server.clock.now()
    this.#latest = this.#model.now
    this.#model.tokens.set(server.rootToken, {
      policies: ['root'], accessor: '', role: '', parent: null, issuedAt: 0, expiresAt: 0, ttl: 0, explicitMax: 0, period: 0, isRenewable: false, usesLeft: 0, hasUses: false,
    })
    for (const path of [...kvPaths, ...renterPaths]) await this.#calmly([enable(this.#client, path)])
  }

  /** A process more over the same store. */
  async #start(): Promise<void> {
    const access = this.#stage.open()
    const server = await (this.#processes[0] as Process).server.sibling({ store: access.store })
    this.#processes.push({ access, server })
  }

  /** Some requests at once, in some weather; what is not known of them afterwards is looked up. */
  async turn(): Promise<void> {
    if (this.#dice.chance(0.08)) this.#jump()
    if (this.#dice.chance(0.05)) await this.#sweep()
    const weather = this.#dice.pick(weathers)
    const count = weather.isMixed ? this.#dice.between(1, 4) : 1
    const deeds = Array.from({ length: count }, () => this.#dice.pick(ideas)(this.#client))
    const done = await this.#together(deeds, weather)
    this.tally.steps += count
    const isUnclear = done.some(({ seen }) => seen === null)
    if (isUnclear) for (const id of this.#client.issued.keys()) this.#shaken.add(id)
    if (isUnclear) await this.#settle()
    // Two that change something can have happened in either order, whatever was answered.
    const isOrderOpen = deeds.filter(({ probes, probeNew }) => probes.length > 0 || probeNew !== undefined).length > 1
    const isLookedAt = isUnclear || isOrderOpen || this.#dice.chance(0.1)
    await this.#check(done, isLookedAt ? done.flatMap((one) => this.#probesOf(one)) : [])
  }

  #probesOf({ deed, seen }: Done): readonly Deed[] {
    const { token } = deed.ask
    const hasUses = token !== null && this.#model.tokens.get(token)?.hasUses === true
    return [...deed.probes, ...(deed.probeNew?.(seen) ?? []), ...(hasUses ? [lookUp(this.#model.rootToken, token)] : [])]
  }

  async #check(done: readonly Done[], probes: readonly Deed[]): Promise<void> {
    const after: Done[] = []
    for (const deed of probes) after.push({ deed, seen: await this.#ask(this.#somebody(), deed, '  then') })
    const callers = done.map(({ deed }) => deed.ask.token ?? '')
    this.#model.contended = new Set(callers.filter((token, i) => callers.indexOf(token) !== i))
    if (!explain(this.#model, done, after)) throw new Error(`no order of these requests explains the answers; alone:\n${[...done, ...after].map((one) => this.#alone(one)).join('\n')}`)
    this.#model.keep()
  }

  /** Whether one of them would be right if it were the only one: where to begin to look. */
  #alone({ deed, seen }: Done): string {
    const mark = this.#model.mark()
    const isRight = enact(this.#model, deed, seen)
    this.#model.rollback(mark)
    return `${isRight ? 'right' : 'wrong'}: ${deed.ask.verb} ${deed.ask.path} => ${seen?.status ?? 'no answer'}`
  }

  async #calmly(deeds: readonly Deed[]): Promise<void> {
    for (const deed of deeds) await this.#check([{ deed, seen: await this.#ask(this.#somebody(), deed, '') }], [])
  }

  #somebody = (): Process => this.#dice.pick(this.#processes)

  async #together(deeds: readonly Deed[], weather: Weather): Promise<Done[]> {
    const crashAt = weather.isMixed && this.#dice.chance(0.15) ? this.#dice.between(1, 40 * deeds.length) : 0
    const victim = this.#dice.between(0, 1)
    this.#note(`${weather.name}${crashAt === 0 ? '' : `, process ${victim} dies at call ${crashAt}`}`)
    this.#stage.weather = weather
    const asked = deeds.map((deed) => this.#ask(this.#somebody(), deed, ' '))
    const background = weather.isMixed && this.#dice.chance(0.3) ? [this.#beside(this.#somebody())] : []
    const all = Promise.all([...asked, ...background])
    if (weather.isMixed) await this.#stage.play(all, (count) => (count === crashAt ? this.#kill(victim) : nothing))
    const seen = (await all).slice(0, deeds.length) as Seen[]
    this.#stage.weather = calm
    this.tally.faults += this.#stage.faults
    this.#stage.faults = 0
    if (crashAt > 0 && this.#wasKilled) await this.#restart(victim)
    return deeds.map((deed, index) => ({ deed, seen: this.#asKnown(seen[index] ?? null, weather) }))
  }

  /** A failure of the server says nothing of what happened; and where nothing was wrong with the store, there must be none. */
  #asKnown(seen: Seen, weather: Weather): Seen {
    if (seen !== null && seen.status < 500) return seen
    if (seen !== null && !weather.isMixed) throw new Error(`the server failed in calm weather: ${seen.status} ${seen.text}`)
    if (seen !== null && seen.status !== 503) throw new Error(`a failure of the store is answered with ${seen.status}: ${seen.text}`)
    this.tally.unknown += 1
    return null
  }

  async #ask({ access, server }: Process, { ask }: Deed, mark: string): Promise<Seen> {
    const { verb, path, token, data, headers } = ask
    this.tally.requests += 1
    const line = `${mark} ${describeAsk(ask, this.#model.rootToken)}`
    const answered = server.request(verb, path, { token, ...(data === undefined ? {} : { data }), ...(headers === undefined ? {} : { headers }) })
    const seen = await Promise.race([answered, access.killed.then(() => null)])
    this.#note(`${line} => ${seen === null ? 'no answer' : `${seen.status} ${seen.text.slice(0, 300)}`}`)
    return seen
  }

  /** What a server does beside requests. */
  async #beside({ access, server }: Process): Promise<null> {
    const work = async (): Promise<null> => {
      await server.sweep()
      await resumeRemovals(server.core)
      return null
    }
    return await Promise.race([work().catch(() => null), access.killed.then(() => null)])
  }

  #wasKilled = false

  async #kill(index: number): Promise<void> {
    this.#wasKilled = true
    this.tally.kills += 1
    await (this.#processes[index] as Process).access.kill()
  }

  async #restart(index: number): Promise<void> {
    this.#wasKilled = false
    await this.#start()
    this.#processes[index] = this.#processes.pop() as Process
  }

  /** Forwards as far as it likes; backwards not so far that something that had ended would live again. */
  #jump(): void {
    const back = Math.floor((this.#model.now - Math.max(this.#model.latestEnd(), this.#model.now - 50_000_000)) / 1000) - 1
    const seconds = this.#dice.chance(0.3) ? -this.#dice.between(0, Math.max(0, back)) : this.#dice.pick([1, 10, 10, 100, 100, 1_000, 10_000, 100_000])
    this.#advance(seconds)
    this.tally.clockJumps += 1
    this.#note(`the clock jumps by ${seconds} s`)
  }

  #advance(seconds: number): void {
    const { clock } = this.#somebody().server
    clock.advance(seconds)
    this.#model.now = clock.now()
    this.#latest = Math.max(this.#latest, clock.now())
  }

  #latest = 0

  async #sweep(): Promise<void> {
    await this.#somebody().server.sweep()
    this.#note('a sweep')
  }

  /** Everything that the server does by itself after a failure. */
  async #settle(): Promise<void> {
    const { server } = this.#processes[0] as Process
    await server.sweep()
    await resumeRemovals(server.core)
    await server.sweep()
  }

  #note(line: string): void {
    this.trace.push(line)
    if (this.trace.length > traceMax) this.trace.shift()
  }

  /** Looks at everything once more, and at what is stored. */
  async end(): Promise<void> {
    // What was being made outside when somebody died is given up by then, by whatever the clock said at the time.
    this.#advance(60 + Math.ceil((this.#latest - this.#model.now) / 1000))
    await this.#settle()
    this.#note('at the end')
    const { model, known } = this.#client
    await this.#calmly([
      ...[...kvPaths, ...renterPaths].map((path) => readMount(model, path)), ...policyNames.map((name) => readPolicy(model, name)),
      ...roleNames.map((name) => readRole(model, name)), ...known.secretIds.map((one) => lookUpSecretId(model, one.split(' ')[0] ?? '', one.split(' ')[1] ?? '')),
      ...kvPaths.flatMap((path) => [listSecrets(path, model.rootToken), ...secretNames.map((name) => readSecret(path, name, model.rootToken))]),
      ...known.tokens.map((token) => lookUp(model.rootToken, token)), ...known.wrapped.map(lookUpWrapped), ...known.leases.map((id) => lookUpLease(model, id)),
    ])
    await this.#checkOutside()
    const findings = await checkState((this.#processes[0] as Process).server.core, { isSettled: true, secrets: [model.rootToken, ...known.tokens.slice(-20)] })
    if (findings.length > 0) throw new Error(`the stored state is not sound: ${JSON.stringify(findings.slice(0, 5))}`)
    for (const { server } of this.#processes) await server.close()
  }

  /**
   * What was given out is of no use any more once its lease is gone, nor is what was made for nobody. As long as the lease is there so is it,
   * unless a revocation failed halfway since: outside there are no transactions.
   */
  async #checkOutside(): Promise<void> {
    const leased = new Set<string>()
    for (const [id, name] of this.#client.issued) {
      if (this.#model.livingLease(id) === null) continue
      leased.add(name)
      if (!this.#renter.valid.has(name) && !this.#shaken.has(id)) throw new Error(`the credential ${name} is gone, but its lease ${id} is not`)
    }
    for (const name of this.#renter.valid) if (!leased.has(name)) {
      // One whose answer was lost has a lease that no client knows.
      const found = await this.#somebody().server.request('list', `sys/leases/lookup/${name.replace('/', '/made/')}`)
      if (found.keys.length === 0) throw new Error(`the credential ${name} is valid, and there is no lease of it`)
    }
  }

  /** Leases that a failed revocation may have reached. */
  readonly #shaken = new Set<string>()
}

const nothing = Promise.resolve()
