/** `secrets move FROM TO`: mounts a secrets engine elsewhere; its leases are revoked. */
import { defineCommand } from '../../command.ts'
import { move } from '../../mounts/move.ts'

export const command = defineCommand({
  name: 'secrets move',
  summary: 'Move a secrets engine to another path',
  arguments: 'SOURCE DESTINATION',
  description: 'Moves the engine with its data. Leases are revoked, since their names begin with the path.',
  examples: [['From secret/ to team/:', 'secrets move secret/ team/']],
  flags: {},
  args: { min: 2, max: 2 },
  completes: 'mount',
  run: async (session) => move(await session.api(), session.print, 'secrets engine', session.args),
})
