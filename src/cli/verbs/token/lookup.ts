/** `token lookup [TOKEN]`: what the server knows of a token. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError, usageError } from '../../failure.ts'
import { bool } from '../../flags.ts'

export const command = defineCommand({
  name: 'token lookup',
  summary: 'Show what the server knows of a token',
  arguments: '[TOKEN | ACCESSOR]',
  description: 'Without an argument, of the token in use.',
  examples: [
    ['The token in use:', 'token lookup'],
    ['One of which only the accessor is known:', 'token lookup -accessor 8609694a-cdbc-db9b-d345-e782dbb562ed'],
  ],
  flags: { accessor: bool('The argument is an accessor.') },
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const token = session.args[0]?.trim() ?? ''
    if (session.flags.accessor && token === '') throw usageError('Not enough arguments with -accessor (expected 1, got 0)')
    const api = await session.api()
    const secret = await step('Error looking up token', () => {
      if (token === '') return api.read('auth/token/lookup-self')
      return session.flags.accessor
        ? api.post('auth/token/lookup-accessor', { accessor: token })
        : api.post('auth/token/lookup', { token })
    })
    if (secret === null) throw remoteError('Error looking up token: the answer is empty')
    await session.print.secret(secret)
  },
})
