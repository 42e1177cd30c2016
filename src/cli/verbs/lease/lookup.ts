/** `lease lookup ID`: when it ends, and whether it can be renewed. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { wrap } from '../../output/table.ts'
import { formatValue } from '../../output/value.ts'

export const command = defineCommand({
  name: 'lease lookup',
  summary: 'Show a lease',
  arguments: 'ID',
  examples: [['When does this end?', 'lease lookup database/creds/readonly/2f6a614c']],
  flags: {},
  output: ['format'],
  args: { min: 1, max: 1 },
  async run(session) {
    const id = (session.args[0] ?? '').trim()
    const api = await session.api()
    const secret = await step(`error looking up lease id ${id}`, () => api.write('sys/leases/lookup', { lease_id: id }))
    if (secret === null) throw remoteError(`error looking up lease id ${id}: the answer is empty`)
    await session.print.secret(secret)
    const { revoke_error: reason, irrevocable, revoke_attempts: tries, next_revoke_attempt: next } = secret.data ?? {}
    if (reason === undefined) return
    const then = irrevocable === true ? `The server has given up. Remove what is behind it where it lives, then: coffer lease revoke -force -prefix ${id}` : `It is tried again at ${formatValue(next)}.`
    session.print.warn(wrap(`This lease is over and could not be revoked: ${formatValue(reason)} (${formatValue(tries)} tries). ${then}`))
  },
})
