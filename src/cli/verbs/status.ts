/** `status`: sealed or not, and who leads. Exit code 0 unsealed, 1 no answer, 2 sealed. */
import { defineCommand } from '../command.ts'
import { step } from '../describe-failure.ts'
import { printSealStatus, readSealStatus } from '../seal-status.ts'

export const command = defineCommand({
  name: 'status',
  summary: 'Show whether the server is sealed, and who leads',
  description: 'Exit code 0: unsealed. 1: no answer. 2: sealed.',
  flags: {},
  output: ['format'],
  async run(session) {
    const api = await session.api()
    const status = await step('Error checking seal status', () => readSealStatus(api), 1)
    await printSealStatus(session.print, api, status)
    return status['sealed'] === true ? 2 : 0
  },
})
