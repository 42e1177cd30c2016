/** `operator rotate`: a new key for what is stored from now on. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { keyStatusText, readKeyStatus } from '../../operator/key-status.ts'

export const command = defineCommand({
  name: 'operator rotate',
  summary: 'Rotate the encryption key',
  description: 'New data is sealed with a new key; what is stored already stays readable. The unseal keys stay the same.',
  flags: {},
  output: ['format'],
  async run(session) {
    const api = await session.api()
    await step('Error rotating key', () => api.post('sys/rotate', undefined))
    const status = await readKeyStatus(api)
    if (session.print.isTable) session.print.line(`Success! Rotated key\n\n${keyStatusText(status)}`)
    else await session.print.data(status)
  },
})
