/** `print token`: the token that other verbs would send. */
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  name: 'print token',
  summary: 'Print the token in use',
  description: 'Prints the token of the environment, of the token helper, or of the last login to this address.',
  flags: {},
  async run(session) {
    session.print.line((await session.api()).token)
  },
})
