/** `secrets disable PATH`: unmounts a secrets engine; its data and leases go with it. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'secrets disable',
  summary: 'Disable a secrets engine, and remove its data',
  arguments: 'PATH',
  description: 'Revokes every lease of the engine, then removes all that it stored. Nothing brings it back.',
  examples: [['Disable the engine at team/:', 'secrets disable team/']],
  flags: {},
  args: { min: 1, max: 1 },
  completes: 'mount',
  async run(session) {
    const path = withSlash(trimPath(session.args[0] ?? ''))
    const api = await session.api()
    await step(`Error disabling secrets engine at ${path}`, () => api.delete(`sys/mounts/${trimPath(path)}`))
    session.print.line(`Success! Disabled the secrets engine (if it existed) at: ${path}`)
  },
})
