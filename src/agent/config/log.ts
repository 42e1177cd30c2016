/** `log_level`, `log_format` and the file that the log goes to as well. */
import { AgentConfigError, type Block } from './entries.ts'

export interface LogChoice {
  /** '' leaves it to the command line. */
  readonly level: string
  readonly format: string
  readonly file: LogFileSettings | null
}

export interface LogFileSettings {
  /** Of a folder (with a slash at its end) a file of its own in it. */
  readonly path: string
  /** When a file is set aside: after so many bytes or seconds. 0: not for that. */
  readonly bytesMax: number
  readonly secondsMax: number
  /** How many that were set aside stay; 0: all, below 0: none. */
  readonly filesMax: number
}

const daySeconds = 86_400

/** Throws `AgentConfigError`. */
export function logOf(root: Block): LogChoice {
  const [level, format, path] = [root.text('log_level'), root.text('log_format'), root.text('log_file')]
  if (!['', 'standard', 'json'].includes(format)) throw new AgentConfigError('log_format: expected standard or json')
  if (!['', 'trace', 'debug', 'info', 'warn', 'error'].includes(level.toLowerCase())) throw new AgentConfigError('log_level: expected trace, debug, info, warn or error')
  const file = { path, bytesMax: Math.max(0, root.integer('log_rotate_bytes', 0)), secondsMax: root.seconds('log_rotate_duration', daySeconds), filesMax: root.integer('log_rotate_max_files', 0) }
  return { level, format, file: path === '' ? null : file }
}
