/** `lease revoke ID`: ends a credential, or all below a prefix. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { bool } from '../../flags.ts'
import { wrap } from '../../output/table.ts'

export const command = defineCommand({
  name: 'lease revoke',
  summary: 'Revoke leases and their credentials',
  arguments: 'ID',
  description: 'Asks the server to revoke; it does so as soon as it can. With -sync, the command waits for it.',
  examples: [
    ['One lease:', 'lease revoke database/creds/readonly/2f6a614c'],
    ['All leases of a role:', 'lease revoke -prefix database/creds/readonly'],
  ],
  flags: {
    force: bool('Forget the lease even if the credential cannot be revoked where it lives. Needs -prefix.', { aliases: ['f'] }),
    prefix: bool('The argument is a prefix: revoke all below it.'),
    sync: bool('Wait until it is done.'),
  },
  args: { min: 1, max: 1 },
  async run(session) {
    const { force, prefix, sync } = session.flags
    if (force && !prefix) throw usageError('Specifying -force requires also specifying -prefix')
    const id = (session.args[0] ?? '').trim()
    const api = await session.api()
    if (force) session.print.warn(wrap('Warning! What is forgotten here may live on where it was made: remove it there by hand.'))
    const kind = force ? 'force revoking leases with prefix' : prefix ? 'revoking leases with prefix' : 'revoking lease'
    const path = force ? `sys/leases/revoke-force/${id}` : prefix ? `sys/leases/revoke-prefix/${id}` : 'sys/leases/revoke'
    const body = force ? {} : prefix ? { sync } : { lease_id: id, sync }
    await step(`Error ${kind} ${id}`, () => api.write(path, body))
    session.print.line(outcome(id, force, prefix, sync))
  },
})

function outcome(id: string, force: boolean, prefix: boolean, sync: boolean): string {
  if (force) return `Success! Force revoked any leases with prefix: ${id}`
  if (!sync) return 'All revocation operations queued successfully!'
  return prefix ? `Success! Revoked any leases with prefix: ${id}` : `Success! Revoked lease: ${id}`
}
