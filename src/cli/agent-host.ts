/** What an agent gets of the process: the clock, a log on stderr, signals. */
import type { LogFileSettings } from '../agent/config/log.ts'
import type { AgentHost, LogLevel } from '../agent/host.ts'
import { usageError } from './failure.ts'
import type { Host } from './host.ts'
import { LogFile } from './log-file.ts'

const levels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error']
const tags: Readonly<Record<LogLevel, string>> = { trace: '[TRACE]', debug: '[DEBUG]', info: '[INFO] ', warn: '[WARN] ', error: '[ERROR]' }
const stops = ['SIGINT', 'SIGTERM'] as const

export interface AgentLog {
  /** '' is the standard. */
  readonly level: string
  readonly format?: string
  readonly file?: LogFileSettings | null
  /** Of the log file, where a folder is given for it. */
  readonly name?: string
}

/** Throws `Failure` (1) for a level that there is not, and for a file that cannot be written. */
export function agentHost(host: Host, { level, format = '', file = null, name = 'agent' }: AgentLog): AgentHost {
  const least = level === '' ? 'info' : (level.toLowerCase() as LogLevel)
  if (!levels.includes(least)) throw usageError(`-log-level: expected one of ${levels.join(', ')}`)
  if (!['', 'standard', 'json'].includes(format)) throw usageError('-log-format: expected standard or json')
  const line = format === 'json' ? jsonLine : plainLine
  const kept = file === null ? null : openLogFile(file, name, host)
  const log: AgentHost['log'] = (at, module, message) => {
    if (levels.indexOf(at) < levels.indexOf(least)) return
    const text = line(host.now(), at, module, message)
    host.terminal.err(text)
    kept?.write(text)
  }
  return {
    environment: host.environment,
    now: () => host.now(),
    later(milliseconds, work) {
      const timer = setTimeout(work, milliseconds)
      return () => clearTimeout(timer)
    },
    log,
    onSignals(stop, reload) {
      for (const signal of stops) process.on(signal, stop)
      process.on('SIGHUP', reload)
      return () => {
        for (const signal of stops) process.off(signal, stop)
        process.off('SIGHUP', reload)
      }
    },
  }
}

function openLogFile(file: LogFileSettings, name: string, host: Host): LogFile {
  try {
    return new LogFile(file, name, () => host.now())
  } catch (error) {
    throw usageError(`log_file: ${file.path} cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
  }
}

type Line = (now: number, level: LogLevel, module: string, message: string) => string
const plainLine: Line = (now, level, module, message) => `${new Date(now).toISOString()} ${tags[level]} ${module}: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`
const jsonLine: Line = (now, level, module, message) => `${JSON.stringify({ '@level': level, '@message': message, '@module': module, '@timestamp': new Date(now).toISOString() })}\n`
