/** `delete PATH`: any path of the API. */
import { defineCommand } from '../command.ts'
import { parseQuery } from '../data-args.ts'
import { step } from '../describe-failure.ts'
import { trimPath } from '../paths.ts'
import { printDeleted } from '../written.ts'

export const command = defineCommand({
  name: 'delete',
  summary: 'Delete secrets and configuration',
  arguments: 'PATH [K=V...]',
  description: 'Deletes what is at a path. It is no error if there is nothing. K=V pairs become query parameters.',
  examples: [['Delete a role:', 'delete auth/approle/role/web']],
  flags: {},
  output: ['field', 'format'],
  args: { min: 1, max: -1 },
  completes: 'path',
  async run(session) {
    const path = trimPath(session.args[0] ?? '')
    const api = await session.api()
    const query = await parseQuery(session.args.slice(1), session.readInput)
    await printDeleted(session.print, path, await step(`Error deleting ${path}`, () => api.delete(path, { query })))
  },
})
