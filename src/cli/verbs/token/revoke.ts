/** `token revoke TOKEN`: ends a token and what hangs on it. */
import { defineCommand, type Session } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { bool, text } from '../../flags.ts'
import { forgetToken } from '../../saved-token.ts'

interface Flags {
  readonly accessor: boolean
  readonly self: boolean
  readonly mode: string | undefined
}

export const command = defineCommand({
  name: 'token revoke',
  summary: 'Revoke a token and its children',
  arguments: '[TOKEN | ACCESSOR]',
  description: 'Revokes a token, its children, and all credentials that they got.',
  examples: [
    ['A token:', 'token revoke hvs.CAESIJ...'],
    ['The token in use, which is forgotten here, too:', 'token revoke -self'],
    ['Every token that a login with userpass made:', 'token revoke -mode=path auth/userpass/login'],
  ],
  flags: {
    accessor: bool('The argument is an accessor.'),
    self: bool('Revoke the token in use.'),
    mode: text('"orphan" leaves the children alive; "path" revokes all tokens made below the path.', { values: ['orphan', 'path'] }),
  },
  args: { min: 0, max: 1 },
  async run(session) {
    checkFlags(session)
    const token = session.args[0]?.trim() ?? ''
    const { path, body } = requestFor(session.flags, token)
    const api = await session.api()
    await step('Error revoking token', () => api.write(path, body))
    if (session.flags.self) await forgetToken(session.host, api.address)
    session.print.line('Success! Revoked token (if it existed)')
  },
})

function checkFlags({ flags, args }: Session<Flags>): void {
  if (flags.mode && !['orphan', 'path'].includes(flags.mode)) throw usageError(`Invalid mode: ${flags.mode}`)
  if (flags.self && args.length > 0) throw usageError(`Too many arguments with -self (expected 0, got ${args.length})`)
  if (!flags.self && args.length === 0) throw usageError('Not enough arguments (expected 1 or -self, got 0)')
  if (flags.self && flags.accessor) throw usageError('Cannot use -self with -accessor!')
  if (flags.self && flags.mode) throw usageError('Cannot use -self with -mode!')
  if (flags.accessor && flags.mode) throw usageError(`Cannot use -accessor with -mode=${flags.mode}!`)
}

function requestFor(flags: Flags, token: string): { path: string; body: object } {
  if (flags.self) return { path: 'auth/token/revoke-self', body: {} }
  if (flags.accessor) return { path: 'auth/token/revoke-accessor', body: { accessor: token } }
  if (flags.mode === 'orphan') return { path: 'auth/token/revoke-orphan', body: { token } }
  if (flags.mode === 'path') return { path: `sys/leases/revoke-prefix/${token.replace(/^\/+/, '')}`, body: {} }
  return { path: 'auth/token/revoke', body: { token } }
}
