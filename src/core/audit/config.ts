/**
 * The options of an audit device, checked: what a client sends to `sys/audit/:path` and what the store keeps. Every refusal names the
 * option. An audit device writes files and opens connections in the server's name, so what it may touch is bounded here
 * (CVE-2025-6000, CVE-2025-54997, CVE-2026-105816).
 */
import { posix } from 'node:path'
import { parseDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { parseFilter, type AuditFilter } from './filter.ts'
import type { RedactOptions } from './redact.ts'

/** An audit device as it is stored. The names are the core's, the options are Vault's. */
export interface AuditDeviceRecord {
  /** `file/`, `deep/two/`: unique, ends in '/'. */
  readonly path: string
  readonly type: string
  readonly description: string
  readonly local: boolean
  readonly options: Readonly<Record<string, string>>
  /** Key of this device's HMACs, made when it is enabled, at least 16 random bytes as text. */
  readonly salt: string
}

/** What devices may do on this machine. */
export interface AuditLimits {
  /** No audit file lies in here; null: there is none. */
  readonly dataFolder: string | null
  /** Folders below which audit files must lie; null: anywhere else. */
  readonly folders: readonly string[] | null
  /** Whether devices may put a text before each line. */
  readonly prefix: boolean
}

export interface FileTarget {
  readonly kind: 'file'
  /** A path, or `stdout`, or `discard`. */
  readonly path: string
  /** Permission bits for the file; 0: leave those of a file that exists. */
  readonly mode: number
  /** Whether a line counts as written only once it is on the disk. */
  readonly fsync: boolean
}

export interface SocketTarget {
  readonly kind: 'socket'
  readonly transport: 'tcp' | 'udp' | 'unix'
  readonly family: 0 | 4 | 6
  /** Empty for `unix`. */
  readonly host: string
  readonly port: number
  /** For `unix` only. */
  readonly path: string
}

export interface SyslogTarget {
  readonly kind: 'syslog'
  /** Null: the machine's own syslog, through `logger`. */
  readonly address: SocketTarget | null
  readonly facility: string
  readonly tag: string
}

export interface DeviceConfig {
  readonly target: FileTarget | SocketTarget | SyslogTarget
  readonly redact: RedactOptions
  readonly prefix: string
  readonly filter: AuditFilter | null
  readonly isFallback: boolean
  /** A line that was not written by then counts as failed for this device. */
  readonly deadlineMs: number
  /** Options that this server does not know: accepted, as Vault does, but worth a warning. */
  readonly unknown: readonly string[]
}

/** Throws `bad_request` naming the option. */
export function parseDeviceConfig(type: string, options: Readonly<Record<string, string>>, limits: AuditLimits): DeviceConfig {
  const read = optionsOf(options)
  const target = targetOf(type, read)
  const format = read.text('format', 'json')
  if (format !== 'json' && format !== '') throw badRequest(`unknown format type ${JSON.stringify(format)}: option "format" must be "json"`)
  const config: DeviceConfig = {
    target,
    redact: {
      hmacAccessor: read.flag('hmac_accessor', true),
      logRaw: read.flag('log_raw', false),
      elideListResponses: read.flag('elide_list_responses', false),
    },
    prefix: prefixOf(read.text('prefix', ''), limits),
    filter: filterOf(read.text('filter', '')),
    isFallback: read.flag('fallback', false),
    deadlineMs: deadlineOf(read.text('write_timeout', ''), target.kind),
    unknown: read.unknown(),
  }
  if (config.isFallback && config.filter !== null) throw badRequest('option "fallback": a fallback device takes what no filter wants, and has no "filter" itself')
  return config
}

interface Options {
  readonly text: (name: string, fallback: string) => string
  readonly flag: (name: string, fallback: boolean) => boolean
  readonly has: (name: string) => boolean
  /** Names that nobody asked for. */
  readonly unknown: () => string[]
}

function optionsOf(options: Readonly<Record<string, string>>): Options {
  // `path` is the older name of `file_path`; the rest is read only by its own type or by the core.
  const asked = new Set(['path', 'skip_test', 'description'])
  const text = (name: string, fallback: string): string => {
    asked.add(name)
    return Object.hasOwn(options, name) ? String(options[name]) : fallback
  }
  return {
    text,
    has: (name) => Object.hasOwn(options, name),
    flag(name, fallback) {
      const value = text(name, '')
      if (value === '') return fallback
      if (/^(?:1|t|true)$/i.test(value)) return true
      if (/^(?:0|f|false)$/i.test(value)) return false
      throw badRequest(`option "${name}" must be true or false`)
    },
    unknown: () => Object.keys(options).filter((name) => !asked.has(name)).sort(),
  }
}

function targetOf(type: string, read: Options): DeviceConfig['target'] {
  if (type === 'file') return fileTarget(read)
  if (type === 'socket') return socketTarget(read.text('address', ''), read.text('socket_type', 'tcp'))
  if (type === 'syslog') return syslogTarget(read)
  throw badRequest(`unknown backend type: ${JSON.stringify(type)}`)
}

function fileTarget(read: Options): FileTarget {
  const path = read.has('file_path') ? read.text('file_path', '') : read.text('path', '')
  if (path === '') throw badRequest('file_path is required')
  if (path.includes('\0') || path.length > 4096) throw badRequest('option "file_path" is not a path')
  const special = path.toLowerCase()
  return {
    kind: 'file',
    path: special === 'stdout' || special === 'discard' ? special : path,
    mode: modeOf(read.text('mode', '0600')),
    fsync: read.flag('fsync', false),
  }
}

/** An audit file is data: it is never executable, so that no line in it can become a program. */
function modeOf(text: string): number {
  if (!/^0?o?[0-7]{1,4}$/.test(text)) throw badRequest('option "mode" must be an octal number such as 0600')
  const mode = Number.parseInt(text.replace('o', ''), 8)
  if (mode > 0o777) throw badRequest('option "mode" must consist of permissions only')
  if ((mode & 0o111) !== 0) throw badRequest('option "mode" must not make the file executable')
  return mode
}

const socketTypes: ReadonlyMap<string, Pick<SocketTarget, 'transport' | 'family'>> = new Map([
  ['tcp', { transport: 'tcp', family: 0 }],
  ['tcp4', { transport: 'tcp', family: 4 }],
  ['tcp6', { transport: 'tcp', family: 6 }],
  ['udp', { transport: 'udp', family: 0 }],
  ['udp4', { transport: 'udp', family: 4 }],
  ['udp6', { transport: 'udp', family: 6 }],
  ['unix', { transport: 'unix', family: 0 }],
])

function socketTarget(address: string, socketType: string): SocketTarget {
  if (address === '') throw badRequest('address is required')
  const kind = socketTypes.get(socketType)
  if (kind === undefined) throw badRequest(`option "socket_type" must be one of ${[...socketTypes.keys()].join(', ')}`)
  if (kind.transport === 'unix') {
    if (!posix.isAbsolute(address) || address.includes('\0') || address.length > 100) throw badRequest('option "address" must be the absolute path of a socket')
    return { kind: 'socket', ...kind, host: '', port: 0, path: address }
  }
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:[\]/]+)):([0-9]{1,5})$/.exec(address)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65535) throw badRequest('option "address" must be HOST:PORT')
  return { kind: 'socket', ...kind, host: match[1] ?? match[2] ?? '', port, path: '' }
}

export const syslogFacilities = ['KERN', 'USER', 'MAIL', 'DAEMON', 'AUTH', 'SYSLOG', 'LPR', 'NEWS', 'UUCP', 'CRON', 'AUTHPRIV', 'FTP', 'NTP', 'AUDIT', 'ALERT', 'CLOCK',
  'LOCAL0', 'LOCAL1', 'LOCAL2', 'LOCAL3', 'LOCAL4', 'LOCAL5', 'LOCAL6', 'LOCAL7'] as const

function syslogTarget(read: Options): SyslogTarget {
  const facility = read.text('facility', 'AUTH').toUpperCase()
  if (!syslogFacilities.some((known) => known === facility)) throw badRequest('option "facility" is not a syslog facility')
  const tag = read.text('tag', 'vault')
  if (!/^[\w.-]{1,32}$/.test(tag)) throw badRequest('option "tag" must consist of up to 32 letters, digits, ".", "_" and "-"')
  const address = read.text('address', '')
  if (address === '') return { kind: 'syslog', address: null, facility, tag }
  const match = /^(tcp|udp|unix):\/\/(.+)$/.exec(address)
  if (match === null) throw badRequest('option "address" must be tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH')
  return { kind: 'syslog', address: socketTarget(match[2] ?? '', match[1] ?? ''), facility, tag }
}

/** Short, and one word: without blanks no line can become one of a crontab, of `authorized_keys` or of a script. `@cee:` passes. */
function prefixOf(prefix: string, limits: AuditLimits): string {
  if (prefix === '') return ''
  if (!limits.prefix) throw badRequest('option "prefix" is not allowed by the configuration of this server')
  if (!/^[\w.:@=-]{1,64}$/.test(prefix)) throw badRequest('option "prefix" must consist of up to 64 letters, digits and . : @ = _ -')
  return prefix
}

function filterOf(expression: string): AuditFilter | null {
  if (expression === '') return null
  try {
    return parseFilter(expression)
  } catch (error) {
    throw badRequest(`option "filter": ${error instanceof Error ? error.message : 'unusable'}`)
  }
}

/** A local disk may stall for seconds without being broken; a network may not (Vault: 2 s). */
const defaultDeadlines = { file: 10_000, socket: 2000, syslog: 2000 } as const
const deadlineMaxMs = 60_000

function deadlineOf(text: string, kind: DeviceConfig['target']['kind']): number {
  if (text === '') return defaultDeadlines[kind]
  const fraction = /^([0-9]{1,5})ms$/.exec(text)
  const ms = fraction === null ? secondsOf(text) * 1000 : Number(fraction[1])
  if (!(ms > 0 && ms <= deadlineMaxMs)) throw badRequest('option "write_timeout" must be a duration up to 60s')
  return ms
}

function secondsOf(text: string): number {
  try {
    return parseDuration(text)
  } catch (cause) {
    throw badRequest('option "write_timeout" is not a duration', { cause })
  }
}

/** What holds for the devices together: at most one fallback. Throws `bad_request`. */
export function checkDevicesTogether(configs: readonly Pick<DeviceConfig, 'isFallback'>[]): void {
  if (configs.filter(({ isFallback }) => isFallback).length > 1) throw badRequest('option "fallback": there is a fallback device already')
}
