/** `namespace list`: the namespaces below the one in use. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { exitCodes, remoteError } from '../../failure.ts'
import { listedKeys } from '../../secret.ts'

export const command = defineCommand({
  name: 'namespace list',
  summary: 'List namespaces',
  flags: {},
  output: ['format', 'detailed'],
  async run({ api, print }) {
    const server = await api()
    const secret = await step('Error listing namespaces', () => server.list('sys/namespaces'))
    const keys = listedKeys(secret)
    if (secret === null || keys === null) {
      if (print.isTable) throw remoteError('No namespaces found')
      await print.data({})
      return exitCodes.remote
    }
    if (print.detailed && !print.isTable) await print.data(secret.data?.['key_info'])
    else await print.list(secret)
    return 0
  },
})
