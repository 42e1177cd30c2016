/** One run of an agent: logs in, keeps the token alive, fills sinks and templates, runs a program with secrets in its environment. */
import { rmSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import type { Client } from '../../client/src/client.ts'
import type { Listener } from '../http/listener.ts'
import { keepLoggedIn, reasonOf } from './auth/keeper.ts'
import { checkMethod, type Granted } from './auth/methods.ts'
import type { ResponseCache } from './cache/cache.ts'
import { Child } from './child.ts'
import { runCommand } from './command.ts'
import type { AgentConfig, AgentMode, TemplateSettings } from './config/settings.ts'
import { writeFiles } from './deliver.ts'
import { pause, type AgentHost } from './host.ts'
import { Metrics } from './metrics.ts'
import type { WireResponse } from '../request/wire.ts'
import type { Sender } from '../statsd/sender.ts'
import { isSending } from '../statsd/settings.ts'
import type { Forward } from './proxy/message.ts'
import type { Upstream } from './proxy/upstream.ts'
import { Secrets } from './secrets.ts'
import { fillSinks } from './sinks.ts'
import { runTemplates } from './templates.ts'

const childGraceMs = 30_000
/** How long answers that are under way may take at the end. */
const drainMs = 5000
const sinkRetryMs = 2000

/** The ways to the server, one for each part: the configuration may want their connections kept or not. */
export interface Connections {
  readonly login: () => Promise<Client>
  /** Without a token where the configuration logs in. */
  readonly templates: Client
  readonly proxy: Upstream
}

/** Resolves with the exit code. Throws `AgentConfigError` before anything is begun. */
export async function runAgent(mode: AgentMode, config: AgentConfig, connections: Connections, host: AgentHost): Promise<number> {
  if (config.method !== null) checkMethod(config.method)
  for (const warning of config.warnings) host.log('warn', 'config', warning)
  if (config.pidFile !== '') writeFileSync(config.pidFile, `${process.pid}\n`, { mode: 0o644 })
  try {
    return await new Agent(mode, config, connections, host).run()
  } finally {
    if (config.pidFile !== '') rmSync(config.pidFile, { force: true })
  }
}

class Agent {
  readonly #mode: AgentMode
  readonly #config: AgentConfig
  readonly #connections: Connections
  readonly #metrics: Metrics
  readonly #host: AgentHost
  readonly #stop = new AbortController()
  readonly #secrets: Secrets
  readonly #child: Child | null
  /** For templates. */
  #client: Client
  /** '' before the first login, and where it is somebody else's. */
  #token = ''
  #listeners: readonly Listener[] = []
  #cache: ResponseCache | null = null
  #wake = new AbortController()
  #exitCode = 0
  #environment = ''

  constructor(mode: AgentMode, config: AgentConfig, connections: Connections, host: AgentHost) {
    this.#mode = mode
    this.#metrics = new Metrics(mode, config.telemetry)
    this.#metrics.tell(() => this.#gauges())
    this.#config = config
    this.#connections = connections
    this.#client = connections.templates
    this.#host = host
    this.#secrets = new Secrets(() => this.#client, host, { staticSeconds: config.staticIntervalSeconds, leaseThreshold: config.leaseThreshold })
    const { exec } = config
    this.#child = exec === null ? null : new Child({ command: exec.command, stopSignal: exec.stopSignal, graceMs: childGraceMs }, (code) => this.#end(code))
  }

  async run(): Promise<number> {
    const done = this.#host.onSignals((signal) => this.#onSignal(signal), () => this.#reload())
    let sender: Sender | null = null
    try {
      sender = await this.#sending()
      this.#listeners = await this.#listen()
      await this.#work()
    } catch (error) {
      this.#exitCode ||= 1
      this.#host.log('error', 'agent', reasonOf(error))
    } finally {
      this.#stop.abort()
      await this.#child?.stop()
      await Promise.all(this.#listeners.map((listener) => listener.stop(drainMs)))
      this.#cache?.stop()
      await sender?.stop()
      done()
    }
    return this.#exitCode
  }

  /** By the names that Vault's agent has for them, where it has them. */
  #gauges(): Readonly<Record<string, number>> {
    const { heapUsed, rss } = process.memoryUsage()
    const held = this.#cache === null ? {} : { 'agent.cache.entries': this.#cache.entries.size, 'agent.cache.bytes': this.#cache.entries.bytes }
    return { 'agent.authenticated': this.#token === '' ? 0 : 1, ...held, 'runtime.alloc_bytes': heapUsed, 'runtime.sys_bytes': rss }
  }

  /** Loaded only where figures are sent, as the listeners are. */
  async #sending(): Promise<Sender | null> {
    const { sending } = this.#config.telemetry
    if (!isSending(sending)) return null
    const { Sender: Statsd } = await import('../statsd/sender.ts')
    const { later, log } = this.#host
    return new Statsd({ read: async () => this.#metrics.told(), later, log: (level, message) => log(level, 'telemetry', message) }, sending)
  }

  #end(code: number): void {
    this.#host.log('info', 'agent', `the program has ended with ${code}`)
    this.#exitCode = code
    this.#stop.abort()
  }

  #onSignal(signal: NodeJS.Signals): void {
    this.#host.log('info', 'agent', `stopping on ${signal}`)
    this.#stop.abort()
  }

  /** Loaded only where something is listened on: an agent without stays small. */
  async #listen(): Promise<readonly Listener[]> {
    const { listeners, tokenRule: rule } = this.#config
    if (listeners.length === 0) return []
    const [{ startListeners }, { forwardTo }] = await Promise.all([import('./proxy/listeners.ts'), import('./proxy/upstream.ts')])
    // Many requests need the room, and the compiled code, that the command denies an agent at its start.
    for (const flag of ['--semi-space-growth-factor=2', '--no-optimize-for-size']) setFlagsFromString(flag)
    const upstream = this.#connections.proxy
    const ownToken = (): string => this.#token
    const { forward, clear } = await this.#caching(forwardTo(upstream), ownToken)
    const world = { upstream, forward, rule, ownToken, host: this.#host, metrics: this.#metrics }
    return await startListeners({ mode: this.#mode, listeners, world, quit: () => this.#onQuit(), clearCache: clear })
  }

  async #caching(forward: Forward, ownToken: () => string): Promise<{ readonly forward: Forward; readonly clear: (body: Uint8Array) => WireResponse }> {
    const { cache: rules } = this.#config
    if (rules === null) return { forward, clear: () => ({ status: 200, body: null, contentType: '' }) }
    const [{ ResponseCache: Cache }, { clearCache }] = await Promise.all([import('./cache/cache.ts'), import('./cache/clear.ts')])
    const cache = new Cache({ forward, host: this.#host, ownToken, rules })
    this.#cache = cache
    return { forward: cache.forward, clear: (body) => clearCache(cache.entries, body) }
  }

  #onQuit(): void {
    this.#host.log('info', 'agent', 'stopping because a request asks for it')
    this.#stop.abort()
  }

  #reload(): void {
    for (const listener of this.#listeners) void listener.reload().catch((error: unknown) => this.#host.log('error', 'proxy', reasonOf(error)))
    this.#secrets.forgetStatic()
    this.#wakeTemplates()
  }

  #wakeTemplates(): void {
    this.#wake.abort()
    this.#wake = new AbortController()
  }

  /** Both loops end when either fails, or everything is done. */
  async #work(): Promise<void> {
    const { method, exitAfterAuth, templates, variables } = this.#config
    let loggedIn = (): void => undefined
    const first = new Promise<void>((resolve) => (loggedIn = resolve))
    const guard = async (work: Promise<void>): Promise<void> => await work.catch((error: unknown) => {
      this.#stop.abort()
      throw error
    })
    const onToken = async (granted: Granted, client: Client): Promise<void> => {
      await this.#onToken(granted, client)
      loggedIn()
    }
    const keeping = method === null ? Promise.resolve(loggedIn()) : guard(keepLoggedIn({ connect: this.#connections.login, method, host: this.#host, metrics: this.#metrics, onToken }, this.#stop.signal))
    const rendering = guard(this.#render(first, [...templates, ...variables]))
    if (exitAfterAuth || (method === null && templates.length + variables.length === 0)) void rendering.then(() => this.#stop.abort(), () => undefined)
    const results = await Promise.allSettled([keeping, rendering])
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async #onToken(granted: Granted, client: Client): Promise<void> {
    this.#host.log('info', 'auth', 'logged in')
    await this.#fillSinks(granted, client.withToken(granted.clientToken))
    if (granted.wrapped) return
    this.#token = granted.clientToken
    this.#client = this.#connections.templates.withToken(granted.clientToken)
    this.#secrets.forgetLeased()
    this.#wakeTemplates()
  }

  /** Until all of them have it: whoever brings the key of an encrypted sink may come later. */
  async #fillSinks(granted: Granted, client: Client): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        return await fillSinks(client, this.#config.sinks, granted)
      } catch (error) {
        this.#host.log('error', 'sink', `${reasonOf(error)}; trying again`)
        await pause(this.#host, sinkRetryMs, this.#stop.signal)
      }
    }
  }

  async #render(first: Promise<void>, templates: readonly TemplateSettings[]): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#stop.signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([first, stopped])
    const { exitAfterAuth, exec, exitOnRetryFailure, server } = this.#config
    if (templates.length === 0) return exitAfterAuth ? undefined : await stopped
    const job = {
      templates,
      secrets: this.#secrets,
      host: this.#host,
      failuresMax: exitOnRetryFailure ? server.retries : Infinity,
      wake: () => this.#wake.signal,
      deliver: async (texts: ReadonlyMap<TemplateSettings, string>) => (exec === null ? await this.#deliverFiles(texts) : await this.#deliverVariables(texts)),
    }
    await runTemplates(job, exitAfterAuth && exec === null, this.#stop.signal)
  }

  async #deliverFiles(texts: ReadonlyMap<TemplateSettings, string>): Promise<void> {
    const { changed, failure } = await writeFiles(texts)
    for (const { destination: path, command, commandTimeoutSeconds } of changed) {
      this.#host.log('info', 'template', `rendered ${path}`)
      if (command.length > 0) await runCommand(command, this.#host.environment, commandTimeoutSeconds).catch((error: unknown) => this.#host.log('error', 'template', reasonOf(error)))
    }
    if (failure !== null) throw failure.reason
  }

  async #deliverVariables(texts: ReadonlyMap<TemplateSettings, string>): Promise<void> {
    const variables = Object.fromEntries([...texts].map(([{ destination }, text]) => [destination, text]))
    const fingerprint = JSON.stringify(variables)
    if (fingerprint === this.#environment) return
    const isFirst = this.#environment === ''
    this.#environment = fingerprint
    if (!isFirst && this.#config.exec?.restartOnChange !== true) return
    this.#host.log('info', 'exec', isFirst ? 'starting the program' : 'its secrets have changed: starting the program anew')
    await this.#child?.start({ ...this.#host.environment, ...variables })
  }
}
