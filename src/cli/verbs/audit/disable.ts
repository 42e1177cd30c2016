/** `audit disable PATH`: ends recording to a device. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'audit disable',
  summary: 'Disable an audit device',
  arguments: 'PATH',
  description: 'What was recorded stays where it is.',
  examples: [['Disable the device file/:', 'audit disable file/']],
  flags: {},
  args: { min: 1, max: 1 },
  async run(session) {
    const path = withSlash(trimPath(session.args[0] ?? ''))
    const api = await session.api()
    await step('Error disabling audit device', () => api.delete(`sys/audit/${trimPath(path)}`))
    session.print.line(`Success! Disabled audit device (if it was enabled) at: ${path}`)
  },
})
