/** `operator unseal [KEY]`: gives one share of the unseal key. */
import { exactObject, type ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { bool } from '../../flags.ts'
import { readKey } from '../../operator/unseal-key.ts'
import { printSealStatus } from '../../seal-status.ts'

export const command = defineCommand({
  name: 'operator unseal',
  summary: 'Give a share of the unseal key',
  arguments: '[KEY]',
  description:
    'Asks for the share when it is not given: a share on a command line stays in the history of the shell. The server opens once it has ' +
    'enough of them.',
  examples: [['Once for each share:', 'operator unseal']],
  flags: {
    reset: bool('Forget the shares given so far.'),
    migrate: bool('The share is for moving to another seal.'),
  },
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const api = await session.api()
    const reset = session.flags.reset
    const key = reset ? undefined : await readKey(session, session.args[0], 'Unseal Key')
    const body = reset ? { reset: true } : { key, reset: false, migrate: session.flags.migrate }
    const status = await step(reset ? 'Error resetting unseal process' : 'Error unsealing', () => send(api, body))
    await printSealStatus(session.print, api, status)
  },
})

const send = async (api: Api, body: object): Promise<ExactObject> => (await api.write('sys/unseal', body))?.data ?? exactObject()
