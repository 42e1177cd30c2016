/** `auth list`: the auth methods. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { detailedRows, mountsDocument, mountsOf, simpleRows } from '../../mounts/table.ts'

export const command = defineCommand({
  name: 'auth list',
  summary: 'List auth methods',
  flags: {},
  output: ['format', 'detailed'],
  async run(session) {
    const api = await session.api()
    const mounts = mountsOf(await step('Error listing enabled authentications', () => api.read('sys/auth')))
    const third = { title: 'Token Type', name: 'token_type' }
    const rows = (): string[][] => (session.print.detailed ? detailedRows(mounts, third) : simpleRows(mounts, true))
    await session.print.data(mountsDocument(mounts), rows)
  },
})
