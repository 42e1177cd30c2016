/**
 * Nothing leaves the server before an audit device has it. The broker gives each entry to all devices that want it, at once, and answers as
 * soon as one of them confirms; when none does, it refuses, and the caller must let nothing out.
 */
import type { KeyObject } from 'node:crypto'
import { ApiError, badRequest } from '../../kit/errors.ts'
import type { Host } from '../host.ts'
import { auditSigner, type AuditSigner } from './chain.ts'
import { checkDevicesTogether, parseDeviceConfig, type AuditDeviceRecord, type AuditLimits, type DeviceConfig } from './config.ts'
import { reasonOf, type AuditDevice } from './devices/device.ts'
import { fileDevice } from './devices/file.ts'
import { socketDevice } from './devices/socket.ts'
import { syslogDevice } from './devices/syslog.ts'
import type { AuditEntry, AuditHeaders } from './entry.ts'
import { Lane, type CheckpointPace, type LaneStatus } from './lane.ts'
import { hasherOf } from './leaves.ts'
import { Redactor } from './redact.ts'

/** Everything that the broker works by; a new one whenever the generation of the configuration changes. */
export interface AuditConfiguration {
  readonly devices: readonly AuditDeviceRecord[]
  readonly headers: AuditHeaders
  /** Ed25519 private key for checkpoints, from the barrier; null signs nothing. */
  readonly signingKey: KeyObject | null
}

export interface BrokerOptions {
  readonly host: Pick<Host, 'now' | 'random' | 'uuid' | 'later' | 'log'>
  readonly limits: AuditLimits
  readonly checkpoints?: CheckpointPace
}

export interface DeviceStatus extends LaneStatus {
  readonly type: string
}

interface Active {
  readonly record: AuditDeviceRecord
  readonly config: DeviceConfig
  readonly lane: Lane
  /** What must be equal for the lane to be kept. */
  readonly identity: string
}

/** Runs once per process; every worker has its own and writes its own chains. */
export class AuditBroker {
  readonly #options: BrokerOptions
  readonly #writerId: string
  #chains = 0
  #active: readonly Active[] = []
  #headers: AuditHeaders = new Map()

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#writerId = Buffer.from(options.host.random(8)).toString('hex')
  }

  /**
   * Resolves when at least one device has the entry (at once when no device is configured). Rejects with `internal` when none has
   * it within its deadline: then nothing may be answered but 500, and nothing may be committed. It does not know of the client: an entry
   * is written even when the client has gone.
   */
  write(entry: AuditEntry): Promise<void> {
    const wanted = this.#active.length === 0 ? this.#active : this.#devicesFor(entry)
    if (wanted.length === 0) return nothing
    return new Promise((resolve, reject) => {
      const failures: string[] = []
      for (const { lane } of wanted) {
        lane.write(entry).then(resolve, (error: unknown) => {
          failures.push(`${lane.path} (${reasonOf(error)})`)
          if (failures.length === wanted.length) reject(unrecorded(failures))
        })
      }
    })
  }

  /** Devices whose filters want the entry; else the fallback; else none, unless the entry is one that must not be lost. */
  #devicesFor(entry: AuditEntry): readonly Active[] {
    const wanted = this.#active.filter(({ config }) => !config.isFallback && (config.filter === null || config.filter(entry)))
    if (wanted.length > 0) return wanted
    const fallback = this.#active.filter(({ config }) => config.isFallback)
    if (fallback.length > 0) return fallback
    return isPrecious(entry) ? this.#active : wanted
  }

  /**
   * Takes over the devices of the store. Those that did not change stay open. Never rejects: a device that cannot be opened is one that
   * fails, which shows in `status`, and it works as soon as it can. Resolves when new devices were tried and old ones closed.
   */
  async configure(configuration: AuditConfiguration): Promise<void> {
    const before = new Map(this.#active.map((active) => [active.identity, active]))
    const signer = configuration.signingKey === null ? null : auditSigner(configuration.signingKey)
    const areHeadersNew = configuration.headers !== this.#headers
    this.#headers = configuration.headers
    const after = configuration.devices.map((record) => {
      const identity = identityOf(record, signer)
      const kept = before.get(identity)
      if (kept === undefined) return this.#activate(record, identity, signer)
      before.delete(identity)
      if (areHeadersNew) kept.lane.redactor = this.#redactor(record, kept.config)
      return kept
    })
    const made = after.filter(({ lane }) => lane.status().state === 'idle')
    this.#active = after
    await Promise.all([...made.map(({ lane }) => lane.start()), ...[...before.values()].map(({ lane }) => lane.close())])
  }

  #activate(record: AuditDeviceRecord, identity: string, signer: AuditSigner | null): Active {
    const { limits, host } = this.#options
    let config: DeviceConfig
    let device: AuditDevice
    try {
      config = parseDeviceConfig(record.type, record.options, limits)
      device = makeDevice(config, limits, host)
    } catch (error) {
      // Accepted once and refused now, after a change of the server's configuration. It counts as a device that fails.
      config = unusableConfig
      device = refusingDevice(error)
    }
    const { checkpoints } = this.#options
    const lane = new Lane({
      path: record.path,
      config,
      device,
      redactor: this.#redactor(record, config),
      signer,
      host,
      chainId: () => `${this.#writerId}.${++this.#chains}`,
      ...(checkpoints === undefined ? {} : { checkpoints }),
    })
    return { record, config, lane, identity }
  }

  #redactor(record: AuditDeviceRecord, config: DeviceConfig): Redactor {
    return new Redactor(Buffer.from(record.salt), config.redact, this.#headers)
  }

  /**
   * What enabling a device demands: checks its options together with those that are active, opens it and writes a probe. Throws
   * `bad_request` with the reason. Returns warnings.
   */
  async test(record: AuditDeviceRecord, signingKey: KeyObject | null): Promise<readonly string[]> {
    const { limits, host } = this.#options
    const config = parseDeviceConfig(record.type, record.options, limits)
    checkDevicesTogether([config, ...this.#active.filter((active) => active.record.path !== record.path).map((active) => active.config)])
    const { lane } = this.#activate(record, '', signingKey === null ? null : auditSigner(signingKey))
    try {
      if (record.options['skip_test'] !== 'true') await lane.write(probe(record, host))
    } catch (error) {
      throw badRequest(`audit device ${JSON.stringify(record.path)} does not work: ${reasonOf(error)}`, { cause: error })
    } finally {
      await lane.close()
    }
    return config.unknown.map((name) => `option ${JSON.stringify(name)} is not known and has no effect`)
  }

  /** The hash of a text in the lines of a device; throws `bad_request`, as Vault does, when there is no such device. */
  hash(path: string, text: string): string {
    const found = this.#active.find(({ record }) => record.path === path)
    if (found === undefined) throw badRequest(`unknown audit backend ${JSON.stringify(path)}`)
    return hasherOf(Buffer.from(found.record.salt))(text)
  }

  /** Whether entries can be recorded at the moment, as far as is known; also true without devices. */
  get isHealthy(): boolean {
    return this.#active.length === 0 || this.#active.some(({ lane }) => ['ok', 'idle'].includes(lane.status().state))
  }

  status(): readonly DeviceStatus[] {
    return this.#active.map(({ record, lane }) => ({ ...lane.status(), type: record.type }))
  }

  /** On SIGHUP: files are closed and opened again under their names, connections made anew. */
  async reopen(): Promise<void> {
    await Promise.all(this.#active.map(({ lane }) => lane.reopen()))
  }

  /** Writes what waits, signs the ends of the chains and closes everything. Entries that come later are refused. */
  async close(): Promise<void> {
    await Promise.all(this.#active.map(({ lane }) => lane.close()))
  }
}

const nothing: Promise<void> = Promise.resolve()

const unrecorded = (failures: readonly string[]): ApiError =>
  new ApiError('internal', 'the request could not be recorded by any audit device', { detail: `audit devices failed: ${failures.join(', ')}` })

/** Refused requests, and those that needed root or `sudo`, are recorded even where no filter wants them. */
const isPrecious = (entry: AuditEntry): boolean => entry.verdict?.allowed === false || entry.privileged === true || (entry.error ?? '') !== ''

function identityOf(record: AuditDeviceRecord, signer: AuditSigner | null): string {
  const options = Object.keys(record.options).sort().map((name) => [name, record.options[name]])
  return JSON.stringify([record.path, record.type, record.salt, options, signer?.keyId ?? null])
}

function makeDevice({ target, deadlineMs }: DeviceConfig, limits: AuditLimits, { now }: Pick<Host, 'now'>): AuditDevice {
  if (target.kind === 'file') return fileDevice({ target, limits, now })
  if (target.kind === 'socket') return socketDevice(target, deadlineMs)
  return syslogDevice({ target, deadlineMs, now })
}

const unusableConfig: DeviceConfig = {
  target: { kind: 'file', path: 'discard', mode: 0, fsync: false },
  redact: { hmacAccessor: true, logRaw: false, elideListResponses: false },
  prefix: '',
  filter: null,
  isFallback: false,
  deadlineMs: 1000,
  unknown: [],
}

const refusingDevice = (error: unknown): AuditDevice => ({
  open: () => Promise.reject(error instanceof Error ? error : new Error(reasonOf(error))),
  staleness: () => null,
  size: () => null,
  write: () => Promise.reject(error instanceof Error ? error : new Error(reasonOf(error))),
  close: async () => {},
})

const probe = (record: AuditDeviceRecord, host: Pick<Host, 'now' | 'uuid'>): AuditEntry => ({
  type: 'request',
  time: host.now(),
  request: { id: host.uuid(), operation: 'update', path: 'sys/audit/test', namespace: { id: 'root', path: '' }, data: { type: record.type, probe: true } },
})
