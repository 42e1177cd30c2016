/** `monitor`: the server's log, as it is written. */
import { defineCommand } from '../command.ts'
import { step } from '../describe-failure.ts'
import { remoteError, usageError } from '../failure.ts'
import { text, withDefault } from '../flags.ts'

const levels: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error']

export const command = defineCommand({
  name: 'monitor',
  summary: 'Follow the log of the server',
  description: 'Prints what the server logs from now on, until Ctrl-C.',
  examples: [['With more detail than its log file has:', 'monitor -log-level=debug']],
  flags: {
    'log-level': withDefault(text('The least level to show.', { values: levels }), 'info'),
    'log-format': withDefault(text('The form of the lines.', { values: ['standard', 'json'] }), 'standard'),
  },
  async run(session) {
    const level = session.flags['log-level']
    if (!levels.includes(level)) throw usageError(`${level} is an unknown log level. Valid log levels are: [${levels.join(' ')}]`)
    const query = { log_level: level, log_format: session.flags['log-format'] }
    const api = await session.api()
    const answer = await step('Error starting monitor', () => api.stream('sys/monitor', { query }))
    if (answer.status !== 200) throw remoteError(`Error starting monitor: the server answers ${answer.status}`)
    for await (const chunk of answer.chunks) session.host.terminal.out(chunk)
  },
})
