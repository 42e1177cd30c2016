/** What an agent gets of the process: the clock, a log on stderr, signals. */
import type { AgentHost, LogLevel } from '../agent/host.ts'
import { usageError } from './failure.ts'
import type { Host } from './host.ts'

const levels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error']
const tags: Readonly<Record<LogLevel, string>> = { trace: '[TRACE]', debug: '[DEBUG]', info: '[INFO] ', warn: '[WARN] ', error: '[ERROR]' }
const stops = ['SIGINT', 'SIGTERM'] as const

/** Throws `Failure` (1) for a level that there is not. */
export function agentHost(host: Host, level: string, format: string): AgentHost {
  const least = level === '' ? 'info' : (level.toLowerCase() as LogLevel)
  if (!levels.includes(least)) throw usageError(`-log-level: expected one of ${levels.join(', ')}`)
  if (!['', 'standard', 'json'].includes(format)) throw usageError('-log-format: expected standard or json')
  const line = format === 'json' ? jsonLine : plainLine
  return {
    environment: host.environment,
    now: () => host.now(),
    later(milliseconds, work) {
      const timer = setTimeout(work, milliseconds)
      return () => clearTimeout(timer)
    },
    log: (at, module, message) => void (levels.indexOf(at) >= levels.indexOf(least) && host.terminal.err(line(host.now(), at, module, message))),
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

type Line = (now: number, level: LogLevel, module: string, message: string) => string
const plainLine: Line = (now, level, module, message) => `${new Date(now).toISOString()} ${tags[level]} ${module}: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`
const jsonLine: Line = (now, level, module, message) => `${JSON.stringify({ '@level': level, '@message': message, '@module': module, '@timestamp': new Date(now).toISOString() })}\n`
