/** Log lines, in the form that people know from Vault (`2026-01-01T00:00:00.000Z [INFO]  core: text: key=value`) or as JSON. */
import { ApiError, placeOfFailure } from '../kit/errors.ts'
import { ConfigError } from './config/entries.ts'
import type { LogControl, LogFields, Logger, LogLevel } from '../core/host.ts'

export interface LogSettings {
  readonly level: LogLevel | 'off'
  readonly format: 'standard' | 'json'
}

/** Levels by the words that configurations have for them. */
export const logLevels: Readonly<Record<string, LogLevel | 'off'>> = {
  trace: 'trace', debug: 'debug', '': 'info', info: 'info', notice: 'info', warn: 'warn', warning: 'warn', error: 'error', err: 'error', off: 'off',
}
export const logFormats: Readonly<Record<string, LogSettings['format']>> = { '': 'standard', standard: 'standard', json: 'json' }

const order: readonly (LogLevel | 'off')[] = ['trace', 'debug', 'info', 'warn', 'error', 'off']
const tags: Readonly<Record<LogLevel, string>> = { trace: '[TRACE]', debug: '[DEBUG]', info: '[INFO] ', warn: '[WARN] ', error: '[ERROR]' }

/** The levels that are set, by module; '' for all others. `sys/loggers` sets them, the configuration what holds without that. */
class LogLevels {
  #levels = new Map<string, LogLevel | 'off'>()
  #initial: LogLevel | 'off'
  constructor(initial: LogLevel | 'off') {
    this.#initial = initial
  }
  setInitial(level: LogLevel | 'off'): void {
    this.#initial = level
  }
  isOn(level: LogLevel, module: string): boolean {
    return order.indexOf(level) >= order.indexOf(this.#levels.get(module) ?? this.#levels.get('') ?? this.#initial)
  }
  set(level: LogLevel | 'off', module = ''): void {
    if (module === '') this.#levels.clear()
    this.#levels.set(module, level)
  }
  reset(module = ''): void {
    if (module === '') this.#levels.clear()
    else this.#levels.delete(module)
  }
  of(module: string): LogLevel | 'off' {
    return this.#levels.get(module) ?? this.#levels.get('') ?? this.#initial
  }
}

const isAtLeast = (level: LogLevel, wanted: LogLevel): boolean => order.indexOf(level) >= order.indexOf(wanted)

/** What the core may change of a log. */
export const logControl = ({ levels, modules, listen }: Log): LogControl => ({
  modules,
  levelOf: (module) => levels.of(module),
  setLevel: (level, module) => levels.set(level, module),
  reset: (module) => levels.reset(module),
  listen: (wanted, listener) => listen((level, line) => void (isAtLeast(level, wanted) && listener(line))),
})

/** Someone who wants every line at a level, as `sys/monitor` does. */
export type LogListener = (level: LogLevel, line: string) => void

export interface Log {
  readonly write: Logger
  readonly levels: LogLevels
  /** Adds a listener; the returned function takes it away. */
  readonly listen: (listener: LogListener) => () => void
  /** Modules that have logged something. */
  readonly modules: () => readonly string[]
}

export function createLog(settings: LogSettings, now: () => number, out: (line: string) => void): Log {
  const levels = new LogLevels(settings.level)
  const listeners = new Set<LogListener>()
  const modules = new Set<string>()
  const render = settings.format === 'json' ? jsonLine : standardLine
  const write: Logger = (level, module, message, fields = {}) => {
    modules.add(module)
    const isOn = levels.isOn(level, module)
    if (!isOn && listeners.size === 0) return
    const line = render(new Date(now()).toISOString(), level, module, message, fields)
    if (isOn) out(line)
    for (const listener of listeners) listener(level, line)
  }
  return {
    write,
    levels,
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    modules: () => [...modules].sort(),
  }
}

/**
 * What may be told of a failure. The text of an error of the system or of our own names files and addresses; that of any other may quote
 * what it was given, so only its kind and its place are told.
 */
export function describeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: typeof error }
  const isSafe = error instanceof ApiError || error instanceof ConfigError || 'syscall' in error
  return isSafe ? { error: error.message } : { error: error.name, place: placeOfFailure(error) }
}

const standardLine = (time: string, level: LogLevel, module: string, message: string, fields: LogFields): string =>
  `${time} ${tags[level]} ${module}: ${message}${standardFields(fields)}\n`

function standardFields(fields: LogFields): string {
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${typeof value === 'string' && /[\s"=\p{Cc}]/u.test(value) ? JSON.stringify(value) : String(value)}`)
  return shown.length === 0 ? '' : `: ${shown.join(' ')}`
}

const jsonLine = (time: string, level: LogLevel, module: string, message: string, fields: LogFields): string =>
  `${JSON.stringify({ '@level': level, '@message': message, '@module': module, '@timestamp': time, ...fields })}\n`
