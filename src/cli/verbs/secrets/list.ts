/** `secrets list`: the secrets engines. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { detailedRows, mountsDocument, mountsOf, simpleRows } from '../../mounts/table.ts'

export const command = defineCommand({
  name: 'secrets list',
  summary: 'List secrets engines',
  flags: {},
  output: ['format', 'detailed'],
  async run(session) {
    const api = await session.api()
    const mounts = mountsOf(await step('Error listing secrets engines', () => api.read('sys/mounts')))
    const third = { title: 'Force No Cache', name: 'force_no_cache' }
    const rows = (): string[][] => (session.print.detailed ? detailedRows(mounts, third) : simpleRows(mounts, false))
    await session.print.data(mountsDocument(mounts), rows)
  },
})
