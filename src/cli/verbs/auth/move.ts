/** `auth move FROM TO`: mounts an auth method elsewhere; its tokens are revoked. */
import { defineCommand } from '../../command.ts'
import { move } from '../../mounts/move.ts'

export const command = defineCommand({
  name: 'auth move',
  summary: 'Move an auth method to another path',
  arguments: 'SOURCE DESTINATION',
  description: 'Both paths begin with auth/. Tokens that the method gave out are revoked.',
  examples: [['From approle/ to apps/:', 'auth move auth/approle/ auth/apps/']],
  flags: {},
  args: { min: 2, max: 2 },
  completes: 'auth-mount',
  run: async (session) => move(await session.api(), session.print, 'auth method', session.args),
})
