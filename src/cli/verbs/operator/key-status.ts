/** `operator key-status`: the age of the key that seals new data. */
import { defineCommand } from '../../command.ts'
import { keyStatusText, readKeyStatus } from '../../operator/key-status.ts'

export const command = defineCommand({
  name: 'operator key-status',
  summary: 'Show the age of the encryption key',
  flags: {},
  output: ['format'],
  async run(session) {
    const status = await readKeyStatus(await session.api())
    if (session.print.isTable) session.print.line(keyStatusText(status))
    else await session.print.data(status)
  },
})
