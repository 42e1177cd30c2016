/** `operator step-down`: another node takes over. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'

export const command = defineCommand({
  name: 'operator step-down',
  summary: 'Let another node lead',
  flags: {},
  async run(session) {
    const api = await session.api()
    await step('Error stepping down', () => api.write('sys/step-down', undefined))
    session.print.line(`Success! Stepped down: ${api.address}`)
  },
})
