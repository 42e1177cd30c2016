/** `operator seal`: the server forgets its key, and answers nothing until it is unsealed. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'

export const command = defineCommand({
  name: 'operator seal',
  summary: 'Seal the server',
  description: 'The server forgets its key, and answers nothing but its status until it is unsealed.',
  flags: {},
  async run(session) {
    const api = await session.api()
    await step('Error sealing', () => api.write('sys/seal', undefined))
    session.print.line('Success! Vault is sealed.')
  },
})
