/** `lease renew ID`: more time for a credential. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { duration } from '../../flags.ts'

export const command = defineCommand({
  name: 'lease renew',
  summary: 'Extend a lease',
  arguments: 'ID',
  examples: [['By an hour, if it may:', 'lease renew -increment=1h database/creds/readonly/2f6a614c']],
  flags: { increment: duration('How much time to ask for.') },
  output: ['format'],
  args: { min: 1, max: 1 },
  async run(session) {
    const id = (session.args[0] ?? '').trim()
    const increment = Math.max(0, Math.trunc(session.flags.increment ?? 0))
    const api = await session.api()
    const secret = await step(`Error renewing ${id}`, () => api.write('sys/leases/renew', { increment, lease_id: id }))
    if (secret === null) throw remoteError(`Error renewing ${id}: the answer is empty`)
    await session.print.secret(secret)
  },
})
