/** `version`: what is announced here and by the server. */
import { defineCommand } from '../command.ts'
import { versionLine } from '../version.ts'

export const command = defineCommand({
  name: 'version',
  summary: 'Print the version',
  flags: {},
  remote: false,
  args: { min: 0, max: -1 },
  async run(session) {
    session.print.line(versionLine(session.host.program))
  },
})
