/** `help [COMMAND]`: the same pages as -help. */
import { findVerb } from '../catalog.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  name: 'help',
  summary: 'Explain a command',
  arguments: '[COMMAND]',
  examples: [['How do I store a secret?', 'help kv put']],
  flags: {},
  remote: false,
  args: { min: 0, max: 3 },
  async run(session) {
    const { answerWithHelp, commandHelp } = await import('../help.ts')
    const found = findVerb(session.args)
    if (found.command === null) return answerWithHelp(found, found.rest.length === 0, session.host)
    session.print.line(commandHelp(await found.command(), session.host.program))
    return 0
  },
})
