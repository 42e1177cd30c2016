/** `token renew [TOKEN]`: more time for a token. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError, usageError } from '../../failure.ts'
import { bool, duration } from '../../flags.ts'

export const command = defineCommand({
  name: 'token renew',
  summary: 'Extend the life of a token',
  arguments: '[TOKEN | ACCESSOR]',
  description: 'Without an argument, of the token in use.',
  examples: [
    ['The token in use:', 'token renew'],
    ['Another one, by an hour if it may:', 'token renew -increment=1h hvs.CAESIJ...'],
  ],
  flags: {
    accessor: bool('The argument is an accessor.'),
    increment: duration('How much time to ask for. Periodic tokens pay no heed to it.', { aliases: ['i'] }),
  },
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const token = session.args[0]?.trim() ?? ''
    if (session.flags.accessor && token === '') throw usageError('Not enough arguments with -accessor (expected 1, got 0)')
    const increment = Math.max(0, Math.trunc(session.flags.increment ?? 0))
    const api = await session.api()
    const secret = await step('Error renewing token', () => {
      if (token === '') return api.write('auth/token/renew-self', { increment })
      return session.flags.accessor
        ? api.write('auth/token/renew-accessor', { accessor: token, increment })
        : api.write('auth/token/renew', { token, increment })
    })
    if (secret === null) throw remoteError('Error renewing token: the answer is empty')
    await session.print.secret(secret)
  },
})
