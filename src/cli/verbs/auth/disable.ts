/** `auth disable PATH`: unmounts an auth method; tokens that it gave out are revoked. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'auth disable',
  summary: 'Disable an auth method, and revoke its tokens',
  arguments: 'PATH',
  description: 'Revokes every token of the method, then removes its configuration. Nothing brings it back.',
  examples: [['Disable the method at userpass/:', 'auth disable userpass/']],
  flags: {},
  args: { min: 1, max: 1 },
  completes: 'auth-mount',
  async run(session) {
    const path = withSlash(trimPath(session.args[0] ?? ''))
    const api = await session.api()
    await step(`Error disabling auth method at ${path}`, () => api.delete(`sys/auth/${trimPath(path)}`))
    session.print.line(`Success! Disabled the auth method (if it existed) at: ${path}`)
  },
})
